"""The commands of one's own account."""

from argparse import Namespace
from collections.abc import Callable

from msgspec import UNSET, UnsetType

from phone_client.cli.account_tables import login_table, profile_facts
from phone_client.cli.printing import ENDED_SOON, print_result
from phone_client.cli.privacy_commands import delete_account, export
from phone_client.cli.secrets import new_password, secret
from phone_client.client import ApiClient
from phone_client.errors import ExitCode, UsageError
from phone_client.users import ProfileChange


def profile(client: ApiClient, options: Namespace) -> ExitCode:
    """Show the profile."""
    user = client.account.profile()
    return print_result(options, user, profile_facts(user))


def change_profile(client: ApiClient, options: Namespace) -> ExitCode:
    """Change the profile under the ETag that was read."""
    change = _change(options)
    if change == ProfileChange():
        raise UsageError("What is to change? `change-profile --help` names what can be. Nothing was sent.")
    etag = client.account.profile().etag if options.if_match is None else options.if_match
    user = client.account.change_profile(change, etag or "*")
    next_step = (
        "" if change.email is UNSET or user.email_verified_at else "\nNext, to confirm the address: verify-email"
    )
    return print_result(options, user, f"{profile_facts(user)}{next_step}")


def _change(options: Namespace) -> ProfileChange:
    accepts = options.accepts_lane_bridges
    return ProfileChange(
        username=UNSET if options.username is None else options.username,
        email=UNSET if options.email is None else options.email,
        first_name=_clearable(options.first_name),
        last_name=_clearable(options.last_name),
        phone=_clearable(options.phone),
        handedness=_clearable(options.handedness),
        accepts_lane_bridges=UNSET if accepts is None else accepts == "yes",
    )


def _clearable(text: str | None) -> str | UnsetType | None:
    return UNSET if text is None else text or None


def change_password(client: ApiClient, options: Namespace) -> ExitCode:
    """Change the password."""
    current = secret("password", "Current password: ", "--password-stdin", from_stdin=options.from_stdin)
    client.account.change_password(current, new_password(from_stdin=options.from_stdin))
    return print_result(
        options, {"changed": True}, f"The password is changed. Your other logins have ended{ENDED_SOON}"
    )


def request_password_reset(client: ApiClient, options: Namespace) -> ExitCode:
    """Have a code sent for a forgotten password."""
    client.account.request_password_reset(options.email)
    text = (
        f"If an account has confirmed {options.email}, a code is on its way there; it works for 15 minutes. "
        f"Next: confirm-password-reset {options.email}"
    )
    return print_result(options, {"email": options.email}, text)


def confirm_password_reset(client: ApiClient, options: Namespace) -> ExitCode:
    """Set a new password by a code."""
    code = secret("code", "Code from the mail: ", "--password-stdin", from_stdin=options.from_stdin)
    password = new_password(from_stdin=options.from_stdin)
    client.account.reset_password(options.email, code.strip(), password)
    text = f"The new password is set: log in with it. All logins have ended{ENDED_SOON}"
    return print_result(options, {"email": options.email, "changed": True}, text)


def verify_email(client: ApiClient, options: Namespace) -> ExitCode:
    """Have a code sent to one's address."""
    client.account.request_email_code()
    text = "A code is on its way to your address; it works for 15 minutes. Next: confirm-email"
    return print_result(options, {"sent": True}, text)


def confirm_email(client: ApiClient, options: Namespace) -> ExitCode:
    """Confirm one's address by a code."""
    code = secret("code", "Code from the mail: ", "--code-stdin", from_stdin=options.from_stdin)
    client.account.confirm_email(code.strip())
    return print_result(options, {"confirmed": True}, "Your address is confirmed.")


def logins(client: ApiClient, options: Namespace) -> ExitCode:
    """List the open logins."""
    found = list(client.account.logins())
    return print_result(options, found, login_table(found))


def end_login(client: ApiClient, options: Namespace) -> ExitCode:
    """End a login."""
    client.account.end_login(options.id)
    return print_result(options, {"id": options.id}, f"The login has ended{ENDED_SOON}")


ACCOUNT_COMMANDS: dict[str, Callable[[ApiClient, Namespace], ExitCode]] = {
    "profile": profile,
    "change-profile": change_profile,
    "change-password": change_password,
    "request-password-reset": request_password_reset,
    "confirm-password-reset": confirm_password_reset,
    "verify-email": verify_email,
    "confirm-email": confirm_email,
    "logins": logins,
    "end-login": end_login,
    "export": export,
    "delete-account": delete_account,
}
