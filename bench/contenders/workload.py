"""What every contender is asked, what it must answer and what it must refuse."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

Handler = Callable[[dict[str, Any], Any], Any]
"""A Lambda handler: an event and a context in, a proxy answer out."""

KID = "bench-key"
KEY = "a key that protects nothing, 32+ characters"
ISSUER = "revmetrix"
AUDIENCE = "revmetrix-api"
LONGEST_NAME = 64
_USER_ID = "0b0f4a0e-6f3f-4f0c-9f57-3c3f3a1f2b11"
_LONGEST_TOKEN = 4096
_REQUIRED = ["exp", "nbf", "iat", "aud", "iss", "sub", "sid"]
_BODY = {"name": "Lane 7 and 8, North House"}

BRIDGE_ID = "4f7d3c52-0d7a-4c2e-8a43-5d2a9a0c7e10"
CREATED_AT = datetime(2026, 11, 1, 18, 30, 15, 250000, tzinfo=UTC)
CREDENTIAL = "rmb_Zk3l0PzvX2mJmJ3i1b6u0xwqk3cVb7m3o2d9r8s7t6u"
ANSWER = {
    "id": BRIDGE_ID,
    "name": _BODY["name"],
    "created_at": "2026-11-01T18:30:15.250000Z",
    "credential": CREDENTIAL,
    "kind": "personal",
}


class ContenderDiffersError(Exception):
    """A contender does not do what the others do, so comparing its cost would be unfair."""


class NotAuthenticatedError(Exception):
    """The request carries no valid access token."""


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda gives a handler beside the event."""

    aws_request_id: str = "6f1a6f8e-6c3b-4f9d-8b8e-000000000000"
    function_name: str = "bench"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:bench"


def authenticate(authorization: str | None) -> str:
    """Return the user of an Authorization header: the checks of chalicelib.accounts.tokens, written out for PyJWT.

    The competitors use this instead of our own function, so that what ours does beyond PyJWT counts against us.

    Raises:
        NotAuthenticatedError: Anything about it is wrong.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
        raise NotAuthenticatedError
    try:
        key = _KEYS[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(
            token, key, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER, options={"require": _REQUIRED}
        )
    except (KeyError, jwt.InvalidTokenError) as error:
        raise NotAuthenticatedError from error
    if claims.get("use") != "access":
        raise NotAuthenticatedError
    return str(claims["sub"])


_KEYS = {KID: KEY.encode()}


def event(
    *, body: str | None = None, authorization: str | None = "", content_type: str = "application/json"
) -> dict[str, Any]:
    """Return an event of `POST /v1/bridges` as API Gateway's REST API sends it to Lambda.

    Args:
        body: The body, by default a valid one.
        authorization: The header, by default with a valid access token; None for no header.
        content_type: The body's type.
    """
    one = bare_event("POST", "/v1/bridges", authorization=authorization, content_type=content_type)
    return {**one, "body": json.dumps(_BODY) if body is None else body}


def bare_event(
    method: str, path: str, *, authorization: str | None = "", content_type: str | None = None
) -> dict[str, Any]:
    """Return an event without a body; `authorization` is as in `event`."""
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate, br",
        "CloudFront-Forwarded-Proto": "https",
        "CloudFront-Viewer-Country": "US",
        **({} if content_type is None else {"Content-Type": content_type}),
        "Host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "User-Agent": "revmetrix-phone/1.0",
        "Via": "2.0 0123456789abcdef.cloudfront.net (CloudFront)",
        "X-Amzn-Trace-Id": "Root=1-65a1b2c3-0123456789abcdef01234567",
        "X-Forwarded-For": "192.0.2.10, 192.0.2.11",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    if authorization is not None:
        headers["Authorization"] = authorization or f"Bearer {access_token()}"
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": _request_context(method, path),
        "body": None,
        "isBase64Encoded": False,
    }


def _request_context(method: str, path: str) -> dict[str, Any]:
    return {
        "accountId": "000000000000",
        "apiId": "abcdefghij",
        "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "domainPrefix": "abcdefghij",
        "extendedRequestId": "AbCdEfGhIjKlMnO=",
        "httpMethod": method,
        "identity": {"sourceIp": "192.0.2.10", "userAgent": "revmetrix-phone/1.0", "user": None, "userArn": None},
        "path": f"/api{path}",
        "protocol": "HTTP/1.1",
        "requestId": "6f1a6f8e-6c3b-4f9d-8b8e-000000000001",
        "requestTime": "01/Nov/2026:18:30:15 +0000",
        "requestTimeEpoch": 1793557815250,
        "resourceId": "abc123",
        "resourcePath": path,
        "stage": "api",
    }


def event_text(one: dict[str, Any]) -> str:
    """Return an event as the bytes that Lambda's runtime decodes."""
    return json.dumps(one)


def access_token(*, lifetime_s: int = 900, use: str = "access", key: str = KEY) -> str:
    """Return an access token such as chalicelib.accounts issues."""
    now_s = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": _USER_ID,
        "sid": str(uuid.uuid4()),
        "use": use,
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + lifetime_s,
    }
    return jwt.encode(claims, key.encode(), algorithm="HS256", headers={"kid": KID})


def check_contender(name: str, handler: Handler) -> None:
    """Hold a contender to the answers and refusals that all share.

    Raises:
        ContenderDiffersError: It answers something else.
    """
    answer = handler(event(), Context())
    if answer["statusCode"] != 201 or json.loads(answer["body"]) != ANSWER:
        raise ContenderDiffersError(f"{name} answers {answer}")
    for what, one, statuses in _refusals():
        status = handler(one, Context())["statusCode"]
        if status not in statuses:
            raise ContenderDiffersError(f"{name} answers {status} to {what}, not one of {statuses}")


def _refusals() -> list[tuple[str, dict[str, Any], tuple[int, ...]]]:
    # Frameworks differ in the status for a body that does not fit; that it is refused is what counts.
    no, unfit = (401,), (400, 422)
    return [
        ("no credential", event(authorization=None), no),
        ("another scheme", event(authorization=f"Basic {access_token()}"), no),
        ("an expired token", event(authorization=f"Bearer {access_token(lifetime_s=-1)}"), no),
        ("a token for something else", event(authorization=f"Bearer {access_token(use='refresh')}"), no),
        ("another key's signature", event(authorization=f"Bearer {access_token(key=KEY[::-1])}"), no),
        ("no JSON", event(body="{"), unfit),
        ("a field that nobody knows", event(body='{"name": "a", "color": "red"}'), unfit),
        ("an empty name", event(body='{"name": ""}'), unfit),
        ("a long name", event(body=json.dumps({"name": "a" * (LONGEST_NAME + 1)})), unfit),
        ("a number as name", event(body='{"name": 7}'), unfit),
    ]
