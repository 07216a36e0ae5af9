"""Captures over HTTP."""

from chalicelib.accounts.service import authenticate
from chalicelib.captures import service, uploads
from chalicelib.captures.cursor import decode_cursor
from chalicelib.captures.headers import check_digest, read_provenance
from chalicelib.captures.model import CaptureList, CaptureView, UploadRequest, UploadTicket
from chalicelib.lists import decode_limit
from chalicelib.request import JSON
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


@routes.post(
    "/v1/captures/uploads",
    scope=Scope.USER_OR_BRIDGE,
    request=UploadRequest,
    response=CaptureView | UploadTicket,
    status=201,
)
def request_upload(call: Call[UploadRequest]) -> Reply:
    """Give leave to put a capture straight into S3: 201 with a ticket, or 200 with the capture when it is there."""
    answer = uploads.request(call.caller, call.body)
    return Reply(answer, status=201 if isinstance(answer, UploadTicket) else 200)


@routes.get("/v1/captures", scope=Scope.USER, response=CaptureList, query=("limit", "cursor"))
def list_captures(call: Call[None]) -> CaptureList:
    """List one's captures, newest first."""
    limit, after = decode_limit(call.query.get("limit")), decode_cursor(call.query.get("cursor"))
    return service.newest(call.caller.user_id, limit, after)


@routes.get("/v1/captures/{capture_id}", scope=Scope.USER_OR_BRIDGE, response=CaptureView)
def get_capture(call: Call[None], capture_id: str) -> CaptureView:
    """Show a capture."""
    return service.find(call.caller.user_id, capture_id)


@routes.get("/v1/captures/{capture_id}/raw", scope=Scope.USER, response=bytes)
def get_raw(call: Call[None], capture_id: str) -> Reply:
    """Give a capture's bytes, as they came; above 4 MiB, where to fetch them."""
    given = service.raw(call.caller.user_id, capture_id)
    return Reply(given, headers={} if isinstance(given, bytes) else {"Content-Type": JSON})
