"""Devices, the bridges that read them, and what waits for whoever has them."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from phone_client.answers import Answer, read_bytes, read_json
from phone_client.devices import Device, DeviceList, Inbox, PairedBridge, WaitingCapture
from phone_client.errors import UsageError
from phone_client.lists import walk
from phone_client.request import ALWAYS, Request, posting, reading, sending

_SERIAL = re.compile(r"[A-Za-z0-9._-]{1,16}")
_BRIDGE_ID = re.compile(r"[0-9a-f-]{36}")


class _DeviceChange(msgspec.Struct, frozen=True):
    name: str | msgspec.UnsetType = msgspec.UNSET
    ball_id: str | msgspec.UnsetType | None = msgspec.UNSET
    begins: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="from")


class Lane:
    """The operations of devices, pairings and inboxes, as `ApiClient.lane` has them.

    Args:
        send: Sends a request with the user's credential.
    """

    def __init__(self, send: Callable[[Request], Answer]) -> None:
        self._send = send

    def claim(
        self, serial: str, name: str | None = None, *, ball_id: str | None = None, since: datetime | None = None
    ) -> Device:
        """Claim a device that nobody has; claimed already, it is shown as it is.

        Args:
            serial: The device.
            name: What to call it; by default its serial.
            ball_id: The ball that it sits in.
            since: Since when it is the user's, at most 90 days ago; by default now.

        Raises:
            ProblemError: Somebody else has it, or had it at that time.
            UsageError: No device has such a serial.
        """
        _device_path(serial)
        wanted = {"serial": serial, "name": name, "ball_id": ball_id, "from": since.isoformat() if since else None}
        fields = {key: value for key, value in wanted.items() if value is not None}
        if_lost = "The device may be yours; claim it again, which never makes two claims."
        return read_json(self._send(posting("/v1/devices", fields, if_lost=if_lost, repeat_for_s=ALWAYS)), Device)

    def devices(self) -> Iterator[Device]:
        """Return all of one's claims, those that have ended as well; fetched in parts, as far as they are read."""
        return walk(lambda query: read_json(self._send(reading("/v1/devices", query)), DeviceList))

    def release(self, serial: str) -> None:
        """Release a device; what came of it until now stays in the account.

        Raises:
            NotFoundError: The user does not have it.
            UsageError: No device has such a serial.
        """
        path = _device_path(serial)
        shown = self._send(reading(path))
        read_json(shown, Device)
        condition = {"If-Match": shown.headers.get("ETag", "*")}
        read_bytes(self._send(Request("DELETE", path, "Release it again.", ALWAYS, headers=condition)))

    def rename(
        self,
        serial: str,
        name: str | None = None,
        *,
        ball_id: str | msgspec.UnsetType | None = msgspec.UNSET,
        since: datetime | None = None,
    ) -> Device:
        """Give a device that one has another name, put it into another ball, or let its claim begin earlier.

        Args:
            serial: The device.
            name: What to call it from now on; left out, it stays.
            ball_id: The ball that it sits in, None for none; left out, it stays.
            since: Since when it is the user's, earlier than it was, at most 90 days ago; left out, it stays.

        Raises:
            ChangedMeanwhileError: It was changed by somebody at the same moment; nothing was changed now.
            NotFoundError: The user does not have it.
            ProblemError: Somebody else had it at that time.
            UsageError: No device has such a serial.
        """
        path = _device_path(serial)
        shown = self._send(reading(path))
        read_json(shown, Device)
        if_lost = "It may be changed: list the devices."
        begins = since.isoformat() if since else msgspec.UNSET
        change = _DeviceChange(msgspec.UNSET if name is None else name, ball_id, begins)
        request = sending("PATCH", path, change, if_lost=if_lost)
        return read_json(self._send(request.with_headers({"If-Match": shown.headers.get("ETag", "*")})), Device)

    def approve(self, code: str, name: str, kind: str = "personal") -> PairedBridge:
        """Take in the bridge that shows a code; approved again it is the same one.

        Args:
            code: What the bridge shows.
            name: What to call it.
            kind: `personal` for one's own devices alone, `lane` for those of whoever bowls there.

        Raises:
            ProblemError: No bridge shows this code, or it belongs to somebody already.
        """
        fields = {"code": code, "name": name, "kind": kind}
        if_lost = "The bridge may be yours; approve the code again, which never makes two."
        request = posting("/v1/pairings/approval", fields, if_lost=if_lost, repeat_for_s=ALWAYS)
        return read_json(self._send(request), PairedBridge)

    def remove_bridge(self, bridge_id: str) -> None:
        """Remove a bridge; its credential stops at once.

        Raises:
            NotFoundError: There is no such bridge, or no more.
            UsageError: This is no bridge's id.
        """
        if not _BRIDGE_ID.fullmatch(bridge_id):
            raise UsageError("A bridge's id is 36 hexadecimal digits and hyphens. Nothing was sent.")
        if_lost = "It may be removed: list the bridges."
        read_bytes(self._send(Request("DELETE", f"/v1/bridges/{bridge_id}", if_lost, repeat_for_s=0.0)))

    def inbox(self) -> Iterator[WaitingCapture]:
        """Return what one's bridges brought that is nobody's yet, newest first; fetched in parts as it is read."""
        return walk(lambda query: read_json(self._send(reading("/v1/inbox", query)), Inbox))


def _device_path(serial: str) -> str:
    if not _SERIAL.fullmatch(serial):
        raise UsageError("A serial is 1 to 16 letters, digits, dots, hyphens or underscores. Nothing was sent.")
    return f"/v1/devices/{serial}"
