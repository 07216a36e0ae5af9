"""The commands of devices, pairings and inboxes."""

from argparse import Namespace
from collections.abc import Callable
from datetime import datetime

from msgspec import UNSET

from phone_client.cli.printing import print_result
from phone_client.cli.tables import device_table, inbox_table, time_text
from phone_client.client import ApiClient
from phone_client.errors import ExitCode, UsageError


def claim_device(client: ApiClient, options: Namespace) -> ExitCode:
    """Claim a device."""
    device = client.lane.claim(options.serial, options.name, ball_id=options.ball, since=_since(options.since))
    text = f"{device.serial} is yours since {time_text(device.begins)}, and is called {device.name}."
    if options.name not in (None, device.name) or options.ball not in (None, device.ball_id):
        text += f" It was yours already, so nothing was changed; for that: rename-device {device.serial}"
    return print_result(options, device, text)


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text} is no time such as 2026-11-24T18:00:00+01:00. Nothing was sent.") from error
    # Without an offset it is meant by this machine's clock.
    return since.astimezone()


def devices(client: ApiClient, options: Namespace) -> ExitCode:
    """List one's claims."""
    found = list(client.lane.devices())
    return print_result(options, found, device_table(found))


def release_device(client: ApiClient, options: Namespace) -> ExitCode:
    """Release a device."""
    client.lane.release(options.serial)
    text = f"{options.serial} is free. What came of it until now stays in your account."
    return print_result(options, {"serial": options.serial}, text)


def rename_device(client: ApiClient, options: Namespace) -> ExitCode:
    """Give a device another name, put it into another ball, or let its claim begin earlier."""
    if options.name is options.ball is options.since is None:
        raise UsageError("What is to change? Give a name, --ball or --since. Nothing was sent.")
    ball_id = UNSET if options.ball is None else options.ball or None
    device = client.lane.rename(options.serial, options.name, ball_id=ball_id, since=_since(options.since))
    since = "" if options.since is None else f" It is yours since {time_text(device.begins)}."
    return print_result(options, device, f"{device.serial} is called {device.name} from now on.{since}")


def approve_bridge(client: ApiClient, options: Namespace) -> ExitCode:
    """Take in the bridge that shows a code."""
    bridge = client.lane.approve(options.code, options.name, options.kind)
    text = f"Bridge {bridge.name} ({bridge.kind}) is yours, and begins by itself."
    if (bridge.name, bridge.kind) != (options.name, options.kind):
        text += " It was yours already, and stays as it was."
    return print_result(options, bridge, text)


def remove_bridge(client: ApiClient, options: Namespace) -> ExitCode:
    """Remove a bridge."""
    client.lane.remove_bridge(options.id)
    return print_result(options, {"id": options.id}, "The bridge is removed; its credential is void.")


def inbox(client: ApiClient, options: Namespace) -> ExitCode:
    """List what waits for its bowler."""
    found = list(client.lane.inbox())
    return print_result(options, found, inbox_table(found))


LANE_COMMANDS: dict[str, Callable[[ApiClient, Namespace], ExitCode]] = {
    "claim-device": claim_device,
    "devices": devices,
    "release-device": release_device,
    "rename-device": rename_device,
    "approve-bridge": approve_bridge,
    "remove-bridge": remove_bridge,
    "inbox": inbox,
}
