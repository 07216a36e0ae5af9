"""What the gateway refuses by itself, before or after the function.

Decision: the answer is `application/problem+json` (RFC 9457), the form that the application's own errors have, so that
a client reads one form. The member `message`, which is all that AWS sends, is there as well. On AWS the bodies of these
few answers (403 for an unknown route, 413, 500) have `message` alone. On both a page of the stage's CORS origin may
read them: in `infra/resources.yaml` the gateway responses DEFAULT_4XX and DEFAULT_5XX say so.
"""

import http
import json
from typing import Any

from chalice.app import Chalice

from local_cloud.calls import Reply


class Refusals:
    """Makes the gateway's own answers.

    Args:
        app: The app, whose routes say which pages of other origins may use the API.
    """

    def __init__(self, app: Chalice) -> None:
        self._headers = [("Content-Type", "application/problem+json")]
        if origin := _cors_origin(app):
            self._headers.append(("Access-Control-Allow-Origin", origin))

    def problem(self, status: int, detail: str) -> Reply:
        """Return a problem document (RFC 9457) with the member `message` that AWS's own answers have."""
        content = {
            "type": "about:blank",
            "title": http.HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "message": detail,
        }
        return Reply(status, list(self._headers), json.dumps(content).encode())


def _cors_origin(app: Chalice) -> str | None:
    """Return the stage's CORS origin, None when no route may be used from another: one stage has one for all."""
    # Chalice's types say that every route has one.
    found: list[Any] = [entry.cors for methods in app.routes.values() for entry in methods.values()]
    return next((str(cors.allow_origin) for cors in found if cors), None)
