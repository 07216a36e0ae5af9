"""Reading a request: its credential, path, query and body, each checked before anything else looks at it."""

import contextlib
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from chalice.app import Request

from chalicelib.errors import (
    FieldError,
    InvalidJson,
    InvalidQuery,
    InvalidRequest,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
)
from chalicelib.forms import told

JSON = "application/json"
BINARY = "application/octet-stream"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def bearer(authorization: str | None) -> str:
    """Return the credential of an Authorization header (RFC 6750 section 2.1).

    Raises:
        NotAuthenticated: There is none.
    """
    scheme, _, credential = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise NotAuthenticated("Send an Authorization header with a Bearer credential.")
    return credential.strip()


def require_binary_accepted(accept: str | None) -> None:
    """Hold a request for raw bytes to an Accept header that takes them.

    Raises:
        NotAcceptable: It does not.
    """
    # API Gateway looks at the first media type alone, and sends the base64 text itself when that is no binary type.
    if (accept or "").split(",")[0].split(";")[0].strip() != BINARY:
        raise NotAcceptable(f"Send Accept: {BINARY}, first or alone.")


def request_id(request: Request) -> str:
    """Return the client's X-Request-Id when it is 1 to 128 of `A-Za-z0-9._-`, else API Gateway's, else a new one."""
    sent = request.headers.get("x-request-id") or ""
    if _REQUEST_ID.fullmatch(sent):
        return sent
    return str(request.context.get("requestId") or uuid.uuid4())


def parameter_reader(types: Mapping[str, Any]) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    """Return what reads the path's parameters.

    Args:
        types: Their types; a parameter without one is any text.

    The reader raises NotFound for a value that does not fit: nothing can be there.
    """

    def read(sent: Mapping[str, str]) -> dict[str, Any]:
        try:
            return {name: msgspec.convert(value, types.get(name, str), strict=False) for name, value in sent.items()}
        except msgspec.ValidationError as error:
            raise NotFound("There is no such thing in your account.") from error

    return read


def query_reader(kind: type[msgspec.Struct] | None) -> Callable[[Request], Any]:
    """Return what reads the query parameters, each with its last value.

    Args:
        kind: A msgspec struct that refuses unknown fields; None for no parameters.

    The reader raises InvalidQuery, which names the parameter.
    """
    known = () if kind is None else kind.__struct_encode_fields__

    def read(request: Request) -> Any:
        sent: Mapping[str, str] = request.query_params or {}
        for name in sent:
            if name not in known:
                raise InvalidQuery(
                    f"{name} is not a parameter of this operation, which takes: {', '.join(known) or 'none'}."
                )
        if kind is None:
            return None
        try:
            return msgspec.convert(dict(sent), kind, strict=False)
        except msgspec.ValidationError as error:
            field = field_error(error)
            raise InvalidQuery(f"{field.path.removeprefix('$.')}: {field.detail}", errors=(field,)) from error

    return read


def body_reader(kind: Any, largest_bytes: int) -> Callable[[Request], Any]:
    """Return what reads a request's body.

    Args:
        kind: A msgspec type for JSON, `bytes` for raw bytes, None for no body.
        largest_bytes: The largest body.

    The reader raises UnsupportedMediaType, TooLarge, InvalidJson or InvalidRequest.
    """
    if kind is None:
        return lambda _: None
    if kind is bytes:
        return lambda request: _read(request, BINARY, largest_bytes)
    decoder = msgspec.json.Decoder(kind)
    return lambda request: _decode(decoder, _read_json(request, largest_bytes))


def _read_json(request: Request, largest_bytes: int) -> bytes:
    if "content-type" not in request.headers and not request.raw_body:
        return b"{}"
    return _read(request, JSON, largest_bytes)


def _read(request: Request, media_type: str, largest_bytes: int) -> bytes:
    sent_type = request.headers.get("content-type") or ""
    # API Gateway compares a binary type letter by letter, and mangles the bytes of any other.
    if not (sent_type == BINARY if media_type == BINARY else _is_json(sent_type)):
        raise UnsupportedMediaType(f"Send Content-Type: {media_type}.")
    raw = request.raw_body
    body = raw.encode() if isinstance(raw, str) else raw
    if len(body) > largest_bytes:
        raise TooLarge(f"The body has {len(body)} bytes; this operation takes at most {largest_bytes}.")
    return body


def _is_json(sent_type: str) -> bool:
    """Tell whether a content type says JSON, which is in UTF-8 whether it says so or not (RFC 8259 section 8.1)."""
    media_type, *parameters = sent_type.split(";")
    named = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip().strip('"').lower() for name, _, value in named if name.strip().lower() == "charset"}
    return media_type.strip().lower() == JSON and charsets <= {"utf-8"}


_any_json = msgspec.json.Decoder()


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return _decode_json(decoder, body)
    except msgspec.ValidationError as error:
        # The first misfit ends the typed reading; what is no JSON further on is told as that. A number may be JSON and
        # yet larger than any that is read.
        with contextlib.suppress(msgspec.ValidationError):
            _decode_json(_any_json, body)
        field = field_error(error)
        raise InvalidRequest(f"{field.path}: {field.detail}", errors=(field,)) from error


def field_error(error: msgspec.ValidationError) -> FieldError:
    """Return where a value stands that does not fit, and what is wrong with it."""
    detail, _, path = str(error).partition(" - at `")
    return FieldError(path.rstrip("`") or "$", told(detail))


def _decode_json(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"The body could not be read as JSON: {error}") from error
    except RecursionError as error:
        raise InvalidJson("The body is nested too deeply.") from error
