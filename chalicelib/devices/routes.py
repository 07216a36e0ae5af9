"""Devices over HTTP."""

from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.service import authenticate
from chalicelib.accounts.throttling import TooManyTries
from chalicelib.call import Call, Reply
from chalicelib.devices import claims, examples
from chalicelib.devices.claim_times import ClaimOverlaps
from chalicelib.devices.items import DeviceItem
from chalicelib.devices.model import DeviceChange, DeviceList, DeviceView, NewDevice, Serial
from chalicelib.operation import ListQuery, Scope
from chalicelib.preconditions import entity_tag
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "devices")
_ONE = {"serial": Serial}


@routes.post(
    "/v1/devices",
    scope=Scope.USER,
    request=NewDevice,
    response=DeviceView,
    status=201,
    also={200: DeviceView},
    problems=(claims.DeviceTaken, ClaimOverlaps, claims.DeviceBusy, TooManyTries, AccountClosing),
    login_checked=True,
    etag=True,
    answer_headers={"Location": "The device's path."},
    example=examples.CLAIM,
    answer_example=examples.DEVICE,
)
def claim_device(call: Call[NewDevice]) -> Reply:
    """Claim a device: 201, or 200 when one has it already.

    Captures of it that wait in the inbox of a bridge, and were made since `from`, come into the account within seconds.
    """
    device, is_new = claims.claim(call.caller.user_id, call.body)
    reply = _reply(device)
    return Reply(reply.value, 201 if is_new else 200, {**reply.headers, "Location": f"devices/{device.serial}"})


@routes.get("/v1/devices", scope=Scope.USER, response=DeviceList, query=ListQuery, answer_example=examples.DEVICES)
def list_devices(call: Call[None]) -> DeviceList:
    """List one's claims on devices, those of today and those that have ended."""
    return claims.overview(call.caller.user_id, call.query.limit, call.query.cursor)


@routes.get(
    "/v1/devices/{serial}",
    scope=Scope.USER,
    response=DeviceView,
    parameters=_ONE,
    etag=True,
    answer_example=examples.DEVICE,
)
def get_device(call: Call[None], serial: str) -> Reply:
    """Show one's newest claim on a device, also one that has ended."""
    return _reply(claims.show(call.caller.user_id, serial))


@routes.patch(
    "/v1/devices/{serial}",
    scope=Scope.USER,
    request=DeviceChange,
    response=DeviceView,
    parameters=_ONE,
    problems=(ClaimOverlaps, claims.DeviceBusy, AccountClosing),
    login_checked=True,
    if_match=True,
    etag=True,
    example=examples.CHANGE,
    answer_example=examples.DEVICE,
)
def change_device(call: Call[DeviceChange], serial: str) -> Reply:
    """Change the name or the ball of a device that one has, or let the claim begin earlier.

    It may begin earlier only over a time in which nobody had the device; what waits of that time then comes into the
    account.
    """
    return _reply(claims.change(call.caller.user_id, serial, call.body, call.if_match))


@routes.delete(
    "/v1/devices/{serial}",
    scope=Scope.USER,
    parameters=_ONE,
    problems=(claims.DeviceBusy,),
    login_checked=True,
    if_match=True,
)
def release_device(call: Call[None], serial: str) -> Reply:
    """Release a device: it is free from now on, and what came until now stays in the account."""
    claims.release(call.caller.user_id, serial, call.if_match)
    return Reply(None)


def _reply(device: DeviceItem) -> Reply:
    return Reply(claims.view_of(device), headers={"ETag": entity_tag(int(device.version))})
