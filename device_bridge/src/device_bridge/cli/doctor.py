"""`doctor`: what is wrong here, and what to do."""

import argparse
from collections.abc import Iterator

from device_bridge.cli.arguments import Commands, add_api, add_command, add_json, add_ports, add_spool
from device_bridge.cli.config import unknown_variables
from device_bridge.cli.console import Output
from device_bridge.doctor.cloud import check_cloud
from device_bridge.doctor.devices import check_devices
from device_bridge.doctor.findings import Finding, Level, worst_exit_code
from device_bridge.doctor.storage import check_disk, check_spool
from device_bridge.errors import ExitCode
from device_bridge.settings import Settings, resolve


def add_doctor(commands: Commands) -> None:
    """Register `doctor`."""
    examples = (
        "  device_bridge doctor\n"
        "  device_bridge doctor --port /dev/ttyACM0 --json\n"
        "  device_bridge doctor --set-aside-spool       # a damaged spool is renamed and kept, a new one made\n"
    )
    parser = add_command(commands, "doctor", "look for what is wrong, and say what to do", examples, doctor)
    add_ports(parser)
    add_spool(parser)
    add_api(parser)
    parser.add_argument(
        "--set-aside-spool",
        action="store_true",
        help="rename a damaged spool, make a new one and copy into it what can be read; nothing is deleted",
    )
    add_json(parser)


def doctor(chosen: argparse.Namespace, output: Output) -> ExitCode:
    """Look at everything once, or set a damaged spool aside."""
    settings = resolve(vars(chosen))
    if chosen.set_aside_spool:
        from device_bridge.cli.setting_aside import set_spool_aside  # noqa: PLC0415 - rarely needed

        return set_spool_aside(settings, output, as_json=chosen.json)
    findings = []
    for finding in _check(settings):
        findings.append(finding)
        if not chosen.json:
            output.result(_line(finding))
    if chosen.json:
        output.json({"findings": [_facts(finding) for finding in findings]})
    return worst_exit_code(findings)


def _check(settings: Settings) -> Iterator[Finding]:
    yield from _check_settings(settings)
    yield from check_devices(settings.ports)
    yield from check_spool(settings.spool)
    yield check_disk(settings.spool, settings.min_free_bytes)
    yield from check_cloud(settings)


def _check_settings(settings: Settings) -> Iterator[Finding]:
    strangers = unknown_variables()
    for name in strangers:
        yield Finding(
            "settings", Level.WARN, f"{name} in the environment is no setting", "see `device_bridge config show`"
        )
    if not strangers:
        files = ", ".join(map(str, settings.config_files)) or "no settings file"
        yield Finding("settings", Level.OK, f"readable, from {files}")


def _line(finding: Finding) -> str:
    advice = f". What to do: {finding.advice}" if finding.advice else ""
    return f"{finding.level:<8}{finding.check:<11} {finding.text}{advice}"


def _facts(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "level": finding.level, "text": finding.text, "advice": finding.advice}
