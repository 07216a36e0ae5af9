"""What S3 checks of a presigned request and moto does not: signature, expiry, signed headers, checksum.

A request is presigned when its query carries its authorization (Signature Version 4). The signature is computed anew by
botocore's own signer from what arrived, so whatever was changed of method, path, query or a signed header is noticed.
Source: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", Amazon S3 API Reference.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_cloud.calls import READING_METHODS, Call, Reply

ACCESS_KEY = "local"
SECRET_KEY = "local"  # noqa: S105 - no secret: everybody finds it in .chalice/config.json
"""The credentials of the stage `local` in .chalice/config.json; they protect nothing but this emulation."""
REGION = "us-east-1"

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_EXPIRY_S = 7 * 24 * 3600
CLOCK_SKEW = dt.timedelta(minutes=15)
FIELDS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)
OLDER_FIELDS = frozenset({"AWSAccessKeyId", "Signature"})
"""The query of Signature Version 2, which S3 takes in its oldest regions only and which leaves headers unsigned."""
SHA256_BYTES = 32


class RefusedError(Exception):
    """S3 would refuse the request.

    Args:
        status: The status of its answer.
        code: S3's name of the error.
        message: A sentence for a person.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def reply(self) -> Reply:
        """Return the answer in the form of S3's errors."""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message></Error>"
        )
        return Reply(self.status, [("Content-Type", "application/xml")], body.encode())


def is_presigned(query: str) -> bool:
    """Return whether a query carries an authorization, whole or in parts."""
    names = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    return bool(names & {*FIELDS, *OLDER_FIELDS})


def check_presigned(call: Call) -> None:
    """Raise RefusedError for a presigned request that S3 would refuse before it looks at any object."""
    query = parse_qsl(call.variables.get("QUERY_STRING", ""), keep_blank_values=True)
    if "HTTP_AUTHORIZATION" in call.variables:
        raise RefusedError(400, "InvalidArgument", "Only one auth mechanism allowed, and there are two.")
    if {name for name, _ in query} & OLDER_FIELDS:
        raise RefusedError(400, "InvalidRequest", f"Please use {ALGORITHM}: Signature Version 2 is not supported.")
    signed_at, expires = _check_form(query)
    _check_time(signed_at, expires)
    _check_signature(call, query)
    _check_body(call)


def check_signed(call: Call) -> None:
    """Raise RefusedError for a write to S3 that carries no authorization at all."""
    is_write = call.variables["REQUEST_METHOD"] not in READING_METHODS
    if is_write and "HTTP_AUTHORIZATION" not in call.variables and not is_presigned(call.variables["QUERY_STRING"]):
        raise RefusedError(403, "AccessDenied", "Access Denied: nobody may write here without signing for it.")


def _check_form(query: list[tuple[str, str]]) -> tuple[dt.datetime, dt.timedelta]:
    """Return when the request was signed and for how long, once every field is there once and makes sense."""
    if sorted(name for name, _ in query if name in FIELDS) != sorted(FIELDS):
        raise _form_error(f"Query-string authentication needs each of {', '.join(FIELDS)}, once.")
    fields = dict(query)
    date = fields["X-Amz-Date"]
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        raise _form_error(f"X-Amz-Algorithm only supports {ALGORITHM}.")
    key, _, scope = fields["X-Amz-Credential"].partition("/")
    if key != ACCESS_KEY:
        raise RefusedError(403, "InvalidAccessKeyId", "The access key id is not one of the local cloud's.")
    if scope != f"{date[:8]}/{REGION}/s3/aws4_request":
        raise _form_error("X-Amz-Credential is not for this day, region and service.")
    expires_s = fields["X-Amz-Expires"]
    if not expires_s.isascii() or not expires_s.isdigit() or not 0 < int(expires_s[:9]) <= LONGEST_EXPIRY_S:
        raise _form_error(f"X-Amz-Expires must be a number of seconds up to {LONGEST_EXPIRY_S}.")
    try:
        signed_at = dt.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise _form_error("X-Amz-Date must be in the form yyyyMMddTHHmmssZ.") from error
    return signed_at, dt.timedelta(seconds=int(expires_s))


def _form_error(message: str) -> RefusedError:
    return RefusedError(400, "AuthorizationQueryParametersError", message)


def _check_time(signed_at: dt.datetime, expires: dt.timedelta) -> None:
    now = dt.datetime.now(dt.UTC)
    if signed_at > now + CLOCK_SKEW:
        raise RefusedError(403, "AccessDenied", "Request is not valid yet")
    if signed_at + expires < now:
        raise RefusedError(403, "AccessDenied", "Request has expired")


def _check_signature(call: Call, query: list[tuple[str, str]]) -> None:
    fields = dict(query)
    headers = _headers(call.variables)
    signed = fields["X-Amz-SignedHeaders"].split(";")
    if unsigned := sorted(name for name in headers if name.startswith("x-amz-") and name not in signed):
        message = f"There were headers present in the request which were not signed: {', '.join(unsigned)}"
        raise RefusedError(403, "AccessDenied", message)
    # A signed header that did not come is left out here, and so the signature is another one.
    present = {name: headers[name] for name in signed if name in headers}
    if "host" not in present or not hmac.compare_digest(
        _signature(call.variables, present, query).encode(), fields["X-Amz-Signature"].encode()
    ):
        raise RefusedError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )


def _signature(variables: Mapping[str, Any], headers: Mapping[str, str], query: list[tuple[str, str]]) -> str:
    path = quote(str(variables["PATH_INFO"]).encode("latin-1"), safe="/~")
    signed = urlencode([pair for pair in query if pair[0] != "X-Amz-Signature"], quote_via=quote, safe="-_.~")
    request = AWSRequest(
        method=str(variables["REQUEST_METHOD"]),
        url=f"http://{headers['host']}{path}?{signed}",
        headers=dict(headers),
    )
    request.context["timestamp"] = dict(query)["X-Amz-Date"]
    signer = S3SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION)
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


def _headers(variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the request's headers by their names in small letters, from their names in CGI."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in variables.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if name in variables:
            headers[name.replace("_", "-").lower()] = str(variables[name])
    return headers


def _check_body(call: Call) -> None:
    """Compare the body with the SHA-256 that came with it."""
    promised = call.variables.get("HTTP_X_AMZ_CHECKSUM_SHA256")
    if promised is None:
        return
    try:
        digest = base64.b64decode(promised, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != SHA256_BYTES:
        raise RefusedError(400, "InvalidRequest", "Value for x-amz-checksum-sha256 header is invalid.")
    if hashlib.sha256(call.body).digest() != digest:
        raise RefusedError(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
