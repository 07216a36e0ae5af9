"""Captures over HTTP."""

from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.logins import AccountLocked
from chalicelib.accounts.service import authenticate
from chalicelib.call import Call, Reply
from chalicelib.captures import examples, inbox, service, uploads
from chalicelib.captures.cursor import decode_cursor
from chalicelib.captures.headers import (
    DigestMalformed,
    DigestMismatch,
    DigestMissing,
    ProvenanceInvalid,
    check_digest,
    read_provenance,
)
from chalicelib.captures.model import (
    CaptureId,
    CaptureList,
    CaptureView,
    InboxList,
    RawLink,
    UploadRequest,
    UploadTicket,
)
from chalicelib.operation import ListQuery, Scope
from chalicelib.request import JSON
from chalicelib.settings import LARGEST_INLINE_CAPTURE_BYTES
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "captures")
_ONE = {"capture_id": CaptureId}


@routes.post(
    "/v1/captures",
    scope=Scope.USER_OR_BRIDGE,
    request=bytes,
    response=CaptureView,
    status=201,
    also={200: CaptureView},
    largest_bytes=LARGEST_INLINE_CAPTURE_BYTES,
    required_headers={"Content-Digest": "`sha-256=:<base64 of the bytes' SHA-256>:` (RFC 9530)."},
    headers={"Capture-Provenance": "What is known beside the bytes: base64url of JSON, at most 4 KiB."},
    answer_headers={"Location": "The capture's path."},
    problems=(
        DigestMissing,
        DigestMalformed,
        DigestMismatch,
        ProvenanceInvalid,
        service.EmptyBody,
        service.NotACapture,
        AccountClosing,
        AccountLocked,
    ),
    answer_example=examples.CAPTURE,
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
    response=UploadTicket,
    status=201,
    also={200: CaptureView},
    problems=(ProvenanceInvalid, AccountClosing, AccountLocked),
    example=examples.UPLOAD,
    answer_example=examples.TICKET,
)
def request_upload(call: Call[UploadRequest]) -> Reply:
    """Give leave to put a capture straight into S3: 201 with a ticket, or 200 with the capture when it is there."""
    answer = uploads.request(call.caller, call.body)
    return Reply(answer, status=201 if isinstance(answer, UploadTicket) else 200)


@routes.get("/v1/captures", scope=Scope.USER, response=CaptureList, query=ListQuery, answer_example=examples.CAPTURES)
def list_captures(call: Call[None]) -> CaptureList:
    """List one's captures, newest first."""
    return service.newest(call.caller.user_id, call.query.limit, decode_cursor(call.query.cursor))


@routes.get(
    "/v1/captures/{capture_id}",
    scope=Scope.USER_OR_BRIDGE,
    response=CaptureView,
    parameters=_ONE,
    problems=(AccountLocked,),
    answer_example=examples.CAPTURE,
)
def get_capture(call: Call[None], capture_id: str) -> CaptureView:
    """Show a capture."""
    return service.show(call.caller, capture_id)


@routes.get(
    "/v1/captures/{capture_id}/raw",
    scope=Scope.USER,
    response=(bytes, RawLink),
    parameters=_ONE,
    problems=(service.RawMissing, service.RawChanged),
)
def get_raw(call: Call[None], capture_id: str) -> Reply:
    """Give a capture's bytes, as they came; above 4 MiB, where to fetch them."""
    given = service.raw(call.caller.user_id, capture_id)
    return Reply(given, headers={} if isinstance(given, bytes) else {"Content-Type": JSON})


@routes.get("/v1/inbox", scope=Scope.USER, response=InboxList, query=ListQuery, answer_example=examples.INBOX)
def list_inbox(call: Call[None]) -> InboxList:
    """List what one's bridges brought that is nobody's yet, newest first.

    A capture waits until whoever had its device at its start claims the device; its bytes are for that user alone.
    """
    return inbox.overview(call.caller.user_id, call.query.limit, decode_cursor(call.query.cursor))
