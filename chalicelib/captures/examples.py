"""Examples for the description of the API: one capture in each of the forms in which it is shown."""

from datetime import UTC, datetime

from chalicelib.captures.model import (
    CaptureList,
    CaptureView,
    InboxEntry,
    InboxList,
    Provenance,
    UploadRequest,
    UploadTicket,
)

_SHA256 = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
_PROVENANCE = Provenance(
    device="SD-000123", record=41, started_at="2026-11-24T18:03:20.000Z", read_at="2026-11-24T18:03:29.512Z"
)
CAPTURE = CaptureView(
    id=_SHA256,
    size_bytes=81_920,
    state="verified",
    bad_pages=(),
    bad_page_count=0,
    device="SD-000123",
    record=41,
    format_version=1,
    provenance={
        "device": "SD-000123",
        "record": 41,
        "started_at": "2026-11-24T18:03:20.000Z",
        "read_at": "2026-11-24T18:03:29.512Z",
    },
    bridge_id="b7d0a4e6-7d1c-4a55-9c38-0e4f5a8d2b19",
    received_at=datetime(2026, 11, 24, 18, 3, 31, 204000, tzinfo=UTC),
)
CAPTURES = CaptureList(items=(CAPTURE,), next=None)
UPLOAD = UploadRequest(sha256=_SHA256, size_bytes=81_920, provenance=_PROVENANCE)
TICKET = UploadTicket(
    sha256=_SHA256,
    method="PUT",
    url="https://bucket.example/raw/8c2c/5f70bf18?X-Amz-Signature=...",
    headers={"Content-Length": "81920", "If-None-Match": "*"},
    expires_at=datetime(2026, 11, 24, 18, 13, 31, tzinfo=UTC),
)
INBOX = InboxList(
    items=(
        InboxEntry(
            id=_SHA256,
            device="SD-000123",
            started_at=datetime(2026, 11, 24, 18, 3, 20, tzinfo=UTC),
            size_bytes=81_920,
            state="verified",
            reason=None,
            bridge_id="b7d0a4e6-7d1c-4a55-9c38-0e4f5a8d2b19",
            received_at=datetime(2026, 11, 24, 18, 3, 31, 204000, tzinfo=UTC),
        ),
    ),
    next=None,
)
