"""`python -m local_cloud`: the emulated cloud on the command line.

A command is a module with `SUMMARY`, `add_arguments(parser)` and `run(arguments) -> exit code`; it is imported only
when it is asked for, because importing moto takes a while.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "demo": "local_cloud.demo",
    "serve": "local_cloud.serve",
    "aws": "local_cloud.serve_aws",
    "grant-admin": "local_cloud.grant_admin",
}
"""The module of each command. A further one needs a line here and nothing else."""

INTERRUPTED = 128 + 2
DESCRIPTION = "The emulated cloud for development: no account, no Docker, nothing leaves this machine."
EXAMPLES = """\
commands:
  demo    one shot through the whole system, then the result
  serve   the API, the emulated AWS and the event pump
  aws     the emulated AWS and the event pump alone, for `chalice local`
  grant-admin USERNAME
          makes a user of a running local cloud an admin

examples:
  python -m local_cloud demo --recording shot.csv    a recording through the whole system
  python -m local_cloud serve                        the API on http://127.0.0.1:8000
  python -m local_cloud serve --port 9000 --state state/mine
                                                     data survive in the folder state/mine
  python -m local_cloud aws                          AWS on http://127.0.0.1:8001; in another shell:
  chalice local --stage local --no-autoreload --port 8010
"""


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Tells the defaults of the options that have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (by default the process's own) name, and return its exit code.

    2 stands for arguments that cannot be understood, 1 for a cloud that could not be started, 130 for a Ctrl-C before
    it was up.
    """
    parser = argparse.ArgumentParser(
        prog="python -m local_cloud",
        usage="%(prog)s {demo,serve,aws,grant-admin} [options]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of the commands below")
    # Not required, so that the error names what is missing: the command.
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS).required = False
    chosen = parser.parse_args(arguments)
    try:
        return _run(chosen.command, chosen.rest)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(name: str, arguments: Sequence[str]) -> int:
    command = importlib.import_module(COMMANDS[name])
    command_parser = argparse.ArgumentParser(
        prog=f"python -m local_cloud {name}",
        description=command.SUMMARY,
        formatter_class=_HelpFormatter,
    )
    command.add_arguments(command_parser)
    return int(command.run(command_parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
