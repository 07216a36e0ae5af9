"""The command line: `python -m phone_client`."""

import os
import platform
import sys
from collections.abc import Sequence

from phone_client.cli.arguments import read_arguments
from phone_client.cli.commands import COMMANDS
from phone_client.cli.printing import OutputError
from phone_client.cli.settings import api_url, client_name, home_folder, scorebook_path, token_path
from phone_client.cli.tables import printable
from phone_client.client import ApiClient
from phone_client.errors import ClientError, ExitCode
from phone_client.tokens import FileTokenStore
from phone_client.transport import Connection


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: The command line without the program's name; by default this process's.
    """
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except ClientError as error:
        # One line, whatever a server put into its words.
        sys.stderr.write(f"phone_client: {printable(' '.join(str(error).split()))}\n")
        if isinstance(error, OutputError):
            _drop_output()
        return error.exit_code
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        _drop_output()
        return ExitCode.FINE
    except KeyboardInterrupt:
        sys.stderr.write("phone_client: stopped.\n")
        return ExitCode.INTERRUPTED
    return code


def _drop_output() -> None:
    """Let what is not written yet go nowhere, or Python complains at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str]) -> ExitCode:
    options = read_arguments(arguments)
    url = api_url(options.api, os.environ)
    connection = Connection(ca_file=options.ca_file, allow_http=options.allow_http, client=client_name(platform.node()))
    # The address in its one form names the file, so that a slash at its end makes no second login.
    home = home_folder(options.home, os.environ)
    options.scorebook = scorebook_path(url, home)
    store = FileTokenStore(token_path(url, home))
    with ApiClient(url, store, connection) as client:
        return COMMANDS[options.command](client, options)
