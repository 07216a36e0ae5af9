"""Examples for the description of the API: a push and a pull of one shot."""

from typing import TYPE_CHECKING, cast

from chalicelib.scorebook.model import ChangeResult, EntryView, PullReply, PushReply, PushRequest

if TYPE_CHECKING:
    import msgspec

_SHOT_ID = "0193a2f4-9c1e-7b52-8f0e-5f6b2f3c9d01"
_FIELDS = {"session_id": "0193a2f4-8a10-7c3d-b1a2-0e4f5a8d2b19", "shot_number": 1, "count": 9, "pins_standing": 512}
_CHANGE = {
    "id": _SHOT_ID,
    "type": "shot",
    "op": "put",
    "base_ver": 0,
    "fields": _FIELDS,
    "edited_at": "2026-11-24T19:03:20+01:00",
}
# An example is shown as plain values, which no type of msgspec stands in the way of.
PUSH = PushRequest("0193a2f5-0000-7000-8000-000000000001", cast("list[msgspec.Raw]", [_CHANGE]))
PUSHED = PushReply((ChangeResult(_SHOT_ID, "shot", "applied", 1),), 413, None)
PULLED = PullReply(
    changes=(EntryView(_SHOT_ID, "shot", 1, deleted=False, fields=_FIELDS),),
    cursor="WyI4YzJjMWU1ZiIsNDEzLDEsMjA3ODFd",
    more=False,
    reset=False,
    count=413,
    checksum="5f70bf18a0860070",
)
