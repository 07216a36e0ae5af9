"""Privacy over HTTP."""

from datetime import UTC, datetime

from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.logins import LoginTooOld
from chalicelib.accounts.service import authenticate
from chalicelib.accounts.throttling import TooManyTries
from chalicelib.call import Call
from chalicelib.errors import NotFound
from chalicelib.operation import Scope
from chalicelib.privacy import erasing, exporting
from chalicelib.privacy.model import ErasureView, ExportLink, ExportView
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "privacy")
_NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_ID = "5b0c8a3e-8a52-4d8c-9b5e-6f3f8f3c2a10"
_LINK = ExportLink("https://example.org/export.zip?X-Amz-Signature=...", _NOON)


@routes.post(
    "/v1/users/me/export",
    scope=Scope.USER,
    response=ExportView,
    status=202,
    login_checked=True,
    problems=(AccountClosing, TooManyTries),
    answer_example=ExportView(_ID, "queued", _NOON),
)
def request_export(call: Call[None]) -> ExportView:
    """Ask for an archive of everything that is held about one.

    While one is on its way, that one is shown and no other is begun; at most three are made in a day. An archive is
    kept for 7 days.
    """
    return exporting.request(call.caller.user_id)


@routes.get(
    "/v1/users/me/export",
    scope=Scope.USER,
    response=ExportView,
    login_checked=True,
    problems=(NotFound,),
    answer_example=ExportView(_ID, "ready", _NOON, _NOON, _NOON, 48_213, _LINK),
)
def get_export(call: Call[None]) -> ExportView:
    """Show the export that was asked for last, and where its archive is once it is ready."""
    return exporting.show(call.caller.user_id)


@routes.delete(
    "/v1/users/me",
    scope=Scope.USER,
    response=ErasureView,
    status=202,
    login_checked=True,
    problems=(LoginTooOld,),
    answer_example=ErasureView("closing", _NOON),
)
def delete_account(call: Call[None]) -> ErasureView:
    """Delete one's account and everything in it, for good.

    It needs a login of the last 10 minutes. The account is closed at once: logins, bridges and uploads end. Removing
    everything takes about half an hour, after which the username can be taken again.
    """
    return erasing.request(call.caller)
