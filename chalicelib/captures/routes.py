"""Captures over HTTP."""

from chalicelib.accounts.service import authenticate
from chalicelib.captures import service
from chalicelib.captures.cursor import decode_cursor, decode_limit
from chalicelib.captures.headers import check_digest, read_provenance
from chalicelib.captures.model import CaptureList, CaptureView
from chalicelib.settings import LARGEST_INLINE_CAPTURE_BYTES
from chalicelib.web import Call, Reply, Routes, Scope

routes = Routes(__name__, authenticate)


@routes.post(
    "/v1/captures",
    scope=Scope.USER_OR_BRIDGE,
    request=bytes,
    response=CaptureView,
    status=201,
    largest_bytes=LARGEST_INLINE_CAPTURE_BYTES,
)
def keep_capture(call: Call[bytes]) -> Reply:
    """Keep a capture: 201 when it is new, 200 when the same bytes came before."""
    provenance = read_provenance(call.headers.get("capture-provenance"))
    sha256 = check_digest(call.headers.get("content-digest"), call.body)
    view, is_new = service.keep(call.caller, call.body, sha256, provenance)
    return Reply(view, status=201 if is_new else 200, headers={"Location": f"captures/{view.id}"})


@routes.get("/v1/captures", scope=Scope.USER, response=CaptureList, query=("limit", "cursor"))
def list_captures(call: Call[None]) -> CaptureList:
    """List one's captures, newest first."""
    limit, after = decode_limit(call.query.get("limit")), decode_cursor(call.query.get("cursor"))
    return service.newest(call.caller.user_id, limit, after)


@routes.get("/v1/captures/{capture_id}", scope=Scope.USER, response=CaptureView)
def get_capture(call: Call[None], capture_id: str) -> CaptureView:
    """Show a capture."""
    return service.find(call.caller.user_id, capture_id)


@routes.get("/v1/captures/{capture_id}/raw", scope=Scope.USER, response=bytes)
def get_raw(call: Call[None], capture_id: str) -> bytes:
    """Give a capture's bytes, as they came."""
    return service.raw(call.caller.user_id, capture_id)
