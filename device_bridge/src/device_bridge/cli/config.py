"""`config`: which settings are in force, and where each comes from."""

import argparse
import os
from pathlib import Path

from device_bridge.cli.arguments import Commands, Subcommands, add_api, add_command, add_json, add_port, add_spool
from device_bridge.cli.console import Output
from device_bridge.errors import ExitCode
from device_bridge.settings import CONFIG, CREDENTIAL, SETTINGS, Settings, resolve


def add_config(commands: Commands) -> None:
    """Register `config` with its one word `show`."""
    examples = "  device_bridge config show\n  DEVICE_BRIDGE_API=https://example.org device_bridge config show --json\n"
    words = Subcommands(commands, "config", "show the settings in force and where each comes from", examples)
    parser = add_command(
        words.commands, "show", "print every setting, its value and where it comes from", examples, show
    )
    add_port(parser)
    add_spool(parser)
    add_api(parser)
    add_json(parser)


def show(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Print every setting; of the credential only that it is set."""
    settings = resolve(vars(chosen))
    values = {setting.name: _plain(getattr(settings, setting.name)) for setting in SETTINGS}
    if chosen.json:
        output.json(_facts(settings, values))
    else:
        rows = [(name, _shown(value), str(settings.origins[name])) for name, value in values.items()]
        rows.append(("credential", _credential_word(settings), str(settings.credential_origin() or "")))
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        # No table: a path is never cut short or folded.
        for name, value, origin in rows:
            output.result(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}".rstrip())
    for name in unknown_variables():
        output.message(f"device_bridge: the environment has {name}, which is no setting and is passed over")
    warning = settings.credential_warning()
    if warning:
        output.message(f"device_bridge: {warning}")
    return ExitCode.FINE


def unknown_variables() -> list[str]:
    """Return the variables of the environment that look like settings and are none."""
    known = {CONFIG, CREDENTIAL, *(setting.environ for setting in SETTINGS)}
    return sorted(name for name in os.environ if name.startswith("DEVICE_BRIDGE_") and name not in known)


def _facts(settings: Settings, values: dict[str, object]) -> dict[str, object]:
    origin = settings.credential_origin()
    return {
        "files": [str(path) for path in settings.config_files],
        "settings": {
            name: {"value": value, "from": {"kind": settings.origins[name].kind, "where": settings.origins[name].where}}
            for name, value in values.items()
        },
        "credential": {"is_set": _is_set(settings), "from": origin.where if origin else None},
    }


def _is_set(settings: Settings) -> bool:
    if settings.credential:
        return True
    origin = settings.credential_origin()
    return origin is not None and Path(origin.where).is_file()


def _credential_word(settings: Settings) -> str:
    return "set" if _is_set(settings) else "not set"


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
