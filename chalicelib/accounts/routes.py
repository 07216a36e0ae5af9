"""Users, logins and tokens over HTTP."""

from chalicelib.accounts import examples, logins, mail, profile, recovery, refreshing, registration
from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.codes import CodeInvalid
from chalicelib.accounts.items import UserItem
from chalicelib.accounts.model import PasswordGrant, RefreshGrant, TokenView
from chalicelib.accounts.names import UsernameTaken
from chalicelib.accounts.service import authenticate
from chalicelib.accounts.throttling import TooManyTries
from chalicelib.accounts.user_model import (
    EmailConfirmation,
    Id,
    LoginList,
    PasswordChange,
    ProfileChange,
    Registration,
    ResetConfirmation,
    ResetRequest,
    UserView,
)
from chalicelib.accounts.views import user_view
from chalicelib.call import Call, Reply
from chalicelib.operation import ListQuery, Scope
from chalicelib.preconditions import entity_tag
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "accounts")


@routes.post(
    "/v1/users",
    scope=Scope.PUBLIC,
    request=Registration,
    response=UserView,
    status=201,
    problems=(UsernameTaken, TooManyTries),
    example=examples.REGISTRATION,
    answer_example=examples.USER,
)
def register(call: Call[Registration]) -> UserView:
    """Register a user, usable at once.

    A code is sent to the address, to confirm it with. The answer is the same whoever has confirmed that address before.
    """
    return registration.register(call.body, call.address)


@routes.get(
    "/v1/users/me",
    scope=Scope.USER,
    response=UserView,
    problems=(AccountClosing,),
    etag=True,
    answer_example=examples.USER,
)
def get_own_user(call: Call[None]) -> Reply:
    """Show one's profile."""
    return _tagged(profile.find(call.caller.user_id))


@routes.patch(
    "/v1/users/me",
    scope=Scope.USER,
    request=ProfileChange,
    response=UserView,
    problems=(UsernameTaken, AccountClosing, logins.LoginTooOld, TooManyTries, mail.MailUnavailable),
    if_match=True,
    etag=True,
    login_checked=True,
    example=examples.CHANGE,
    answer_example=examples.USER,
)
def change_own_user(call: Call[ProfileChange]) -> Reply:
    """Change one's profile.

    What is left out stays as it is, null clears. Another address needs a login of the last 10 minutes, and has to be
    confirmed anew; until then a forgotten password goes to the address that was confirmed before, which is told of it.
    """
    return _tagged(profile.change(call.caller, call.body, call.if_match))


def _tagged(user: UserItem) -> Reply:
    return Reply(user_view(user), headers={"ETag": entity_tag(int(user.version))})


@routes.put(
    "/v1/users/me/password",
    scope=Scope.USER,
    request=PasswordChange,
    response=None,
    status=204,
    problems=(profile.CurrentPasswordWrong, TooManyTries, AccountClosing),
    login_checked=True,
    example=examples.PASSWORD,
)
def change_password(call: Call[PasswordChange]) -> Reply:
    """Change one's password; all other logins end."""
    profile.change_password(call.caller, call.body)
    return Reply(None)


@routes.get(
    "/v1/users/me/logins",
    scope=Scope.USER,
    response=LoginList,
    query=ListQuery,
    login_checked=True,
    answer_example=examples.LOGINS,
)
def list_logins(call: Call[None]) -> LoginList:
    """List one's signed-in clients."""
    return logins.overview(call.caller.user_id, call.caller.login_id, call.query.limit, call.query.cursor)


@routes.delete("/v1/users/me/logins/{login_id}", scope=Scope.USER, parameters={"login_id": Id}, login_checked=True)
def end_login(call: Call[None], login_id: str) -> Reply:
    """End a login: its refresh token stops at once, its access token within 15 minutes."""
    logins.end(call.caller.user_id, login_id)
    return Reply(None)


@routes.post(
    "/v1/tokens",
    scope=Scope.PUBLIC,
    request=PasswordGrant,
    response=TokenView,
    problems=(logins.WrongPassword, logins.AccountLocked, AccountClosing, TooManyTries),
    headers={"User-Agent": "What the client calls itself in the list of logins; its first 200 characters."},
    example=examples.GRANT,
    answer_example=examples.TOKENS,
)
def log_in(call: Call[PasswordGrant]) -> TokenView:
    """Log in with username and password."""
    return logins.log_in(call.body, call.headers.get("user-agent"), call.address)


@routes.delete("/v1/tokens", scope=Scope.USER)
def log_out(call: Call[None]) -> Reply:
    """Log out: the login of the access token ends."""
    logins.log_out(call.caller)
    return Reply(None)


@routes.delete("/v1/tokens/all", scope=Scope.USER, login_checked=True)
def log_out_everywhere(call: Call[None]) -> Reply:
    """Log out everywhere: all of one's logins end."""
    logins.end_all(call.caller.user_id)
    return Reply(None)


@routes.post(
    "/v1/tokens/refresh",
    scope=Scope.PUBLIC,
    request=RefreshGrant,
    response=TokenView,
    problems=(refreshing.RefreshTokenInvalid,),
    example=examples.REFRESH,
    answer_example=examples.TOKENS,
)
def refresh(call: Call[RefreshGrant]) -> TokenView:
    """Give new tokens for a refresh token, which is void afterwards."""
    return refreshing.refresh(call.body.refresh_token)


@routes.post(
    "/v1/password-resets",
    scope=Scope.PUBLIC,
    request=ResetRequest,
    response=None,
    status=204,
    problems=(TooManyTries, mail.MailUnavailable),
    example=examples.RESET,
)
def request_password_reset(call: Call[ResetRequest]) -> Reply:
    """Send a code for a new password to a confirmed address.

    The answer is the same whether the address is known or not.
    """
    recovery.request(call.body.email, call.address)
    return Reply(None)


@routes.post(
    "/v1/password-resets/confirmation",
    scope=Scope.PUBLIC,
    request=ResetConfirmation,
    response=None,
    status=204,
    problems=(CodeInvalid, TooManyTries),
    example=examples.RESET_CONFIRMATION,
)
def confirm_password_reset(call: Call[ResetConfirmation]) -> Reply:
    """Set a new password with the code that was sent; all logins end."""
    recovery.confirm(call.body, call.address)
    return Reply(None)


@routes.post(
    "/v1/email-verifications",
    scope=Scope.USER,
    response=None,
    status=204,
    problems=(profile.EmailConfirmed, TooManyTries, mail.MailUnavailable, AccountClosing),
    login_checked=True,
)
def request_email_verification(call: Call[None]) -> Reply:
    """Send a code to one's address."""
    profile.send_code(call.caller.user_id)
    return Reply(None)


@routes.post(
    "/v1/email-verifications/confirmation",
    scope=Scope.USER,
    request=EmailConfirmation,
    response=None,
    status=204,
    problems=(CodeInvalid, profile.EmailTaken, AccountClosing),
    login_checked=True,
    example=examples.EMAIL_CONFIRMATION,
)
def confirm_email_verification(call: Call[EmailConfirmation]) -> Reply:
    """Confirm one's address with the code that was sent to it."""
    profile.confirm_email(call.caller.user_id, call.body.code)
    return Reply(None)
