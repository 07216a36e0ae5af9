"""What the API says, as types. An answer may hold fields that are not known here: a newer server adds some."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

PROBLEM_PREFIX = "urn:problem-type:revmetrix:"

HeaderText = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+\Z")]
"""Text that can stand in a header: anything else in a token would be a line of its own in the request."""


class Health(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/health`.

    Attributes:
        status: `ok`.
    """

    status: str


class TokenGrant(msgspec.Struct, frozen=True):
    """The tokens of a login.

    Attributes:
        access_token: Sent as Bearer with every request.
        refresh_token: Gives new tokens once, after which it is void.
        expires_in: Seconds until the access token expires.
    """

    access_token: HeaderText
    refresh_token: str
    expires_in: Annotated[float, msgspec.Meta(gt=0)]


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sender of a capture says is known beside its bytes: a claim, stored as such.

    Attributes:
        device: The device's serial.
        record: The record's number in the device.
        started_at: When the shot began, RFC 3339.
        read_at: When the record was read from the device, RFC 3339.
        clock: How device ticks and the host's clocks stood to each other.
    """

    device: str | None = None
    record: int | None = None
    started_at: str | None = None
    read_at: str | None = None
    clock: dict[str, Any] | None = None


class BadPage(msgspec.Struct, frozen=True):
    """A damaged page of a capture.

    Attributes:
        page: Its index in the capture; the first page is 0.
        problem: What is wrong, in a word of the format.
        detail: The same for a person.
    """

    page: int
    problem: str
    detail: str = ""


class Capture(msgspec.Struct, frozen=True):
    """A capture, without its bytes.

    Attributes:
        id: The SHA-256 of its bytes, in hex.
        size_bytes: How many there are.
        state: `verified`, `damaged` or `unreadable`: kept. `pending`: announced, or arrived and not looked at yet.
            `rejected`: what arrived was not kept.
        received_at: When the server got it, or rejected it; None while it is pending.
        bad_pages: The damaged pages, the first 100 of them.
        bad_page_count: How many there are.
        device: The device's serial, as the bytes say.
        record: The record's number, as the bytes say.
        format_version: The format's version, as the bytes say.
        provenance: The claim that came with the bytes.
        bridge_id: The bridge that brought it; None when a user did.
        reason: Why it was rejected.
    """

    id: str
    size_bytes: int
    state: str
    received_at: datetime | None = None
    bad_pages: tuple[BadPage, ...] = ()
    bad_page_count: int = 0
    device: str | None = None
    record: int | None = None
    format_version: int | None = None
    provenance: Provenance | None = None
    bridge_id: str | None = None
    reason: str | None = None


class RawLink(msgspec.Struct, frozen=True):
    """Where the bytes of a large capture are, to be fetched without any credential.

    Attributes:
        url: As secret as a credential while it lasts.
        expires_at: Until when a request may begin.
    """

    url: str
    expires_at: datetime


class CaptureList(msgspec.Struct, frozen=True):
    """A part of the list of captures.

    Attributes:
        items: Newest first.
        next: Where the next part begins; None on the last one.
    """

    items: tuple[Capture, ...]
    next: str | None = None


class Uploaded(msgspec.Struct, frozen=True):
    """The outcome of an upload.

    Attributes:
        capture: The capture as the server keeps it.
        is_new: Whether these bytes came for the first time. An upload that was repeated after a lost reply may say
            False of bytes that its own first try brought.
    """

    capture: Capture
    is_new: bool


class Metric(msgspec.Struct, frozen=True):
    """A number computed from a capture.

    Attributes:
        value: The number, true or false for a question, None when it is unavailable.
        unit: Its unit; `1` for a plain number and for a question.
        quality: What it is worth: `good`, `gaps`, `lower_bound` or `unavailable`.
        method: How it was computed, in a phrase.
        version: The algorithm and its version.
    """

    value: float | bool | None
    unit: str
    quality: str
    method: str = ""
    version: str = ""


class SensorSummary(msgspec.Struct, frozen=True):
    """What a sensor delivered.

    Attributes:
        samples: How many samples were stored.
        rate_hz: The effective rate; None below two samples.
        gaps: Intervals of more than 1.5 nominal periods.
        clipped: Samples with at least one clipped axis.
        nominal_rate_hz: The rate that the sensor was set to.
        lost: Samples that the sensor made and the device could not store.
    """

    samples: int
    rate_hz: float | None
    gaps: int
    clipped: int
    nominal_rate_hz: float | None = None
    lost: int = 0


class Metrics(msgspec.Struct, frozen=True):
    """What was computed from a capture.

    Attributes:
        state: `pending`, `ready` or `failed`.
        metrics: By name, empty unless ready.
        sensors: By kind, empty unless ready.
        reason: Why it failed.
        computed_at: When it was computed.
    """

    state: str
    metrics: dict[str, Metric] = {}
    sensors: dict[str, SensorSummary] = {}
    reason: str | None = None
    computed_at: datetime | None = None


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request.

    Attributes:
        path: Where it stands, such as `$.email`.
        detail: What is wrong with it.
    """

    path: str = "$"
    detail: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457 section 3).

    Attributes:
        title: The kind of problem in a sentence.
        status: The HTTP status.
        type: A stable name of the kind of problem.
        detail: What happened this time, and what to do.
        errors: The fields that did not fit.
    """

    title: str
    status: int
    type: str = "about:blank"
    detail: str = ""
    errors: tuple[FieldError, ...] = ()

    @property
    def name(self) -> str:
        """The kind of problem in a word, such as `username-taken`; empty when the server names none."""
        return self.type.removeprefix(PROBLEM_PREFIX) if self.type.startswith(PROBLEM_PREFIX) else ""

    def sentence(self) -> str:
        """Return the problem as a line for a person."""
        if self.errors:
            # With fields named one by one, the detail only repeats the first of them, and the title names none.
            fields = (f"{error.path.removeprefix('$.')}: {error.detail.rstrip('.')}." for error in self.errors)
            return " ".join(("This cannot be taken, and nothing was changed.", *fields))
        return f"{self.title} {self.detail}".strip()
