"""A user's own profile: read, changed, its address confirmed, its password changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from chalicelib.accounts import code_store, codes, letters, logins, mail, store, throttling
from chalicelib.accounts.closing import CLOSING, AccountClosing
from chalicelib.accounts.items import UserItem, UsernameItem
from chalicelib.accounts.names import UsernameTaken, check_email, check_username, fold_email, fold_username
from chalicelib.accounts.passwords import check_password, hash_password, verify_password
from chalicelib.accounts.user_model import PasswordChange, ProfileChange
from chalicelib.call import Caller
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import NotAuthenticated, Problem
from chalicelib.preconditions import PreconditionFailed, require_version

_RACING_CHANGES = 5


class EmailTaken(Problem):
    """Another user has confirmed this address."""

    status = 409
    name = "email-taken"


class EmailConfirmed(Problem):
    """The address is confirmed already."""

    status = 409
    name = "email-confirmed"


class CurrentPasswordWrong(Problem):
    """The current password is wrong."""

    status = 403
    name = "current-password-wrong"


def find(user_id: str) -> UserItem:
    """Return a user who is there and not closing.

    Raises:
        NotAuthenticated: The user is gone, though a token is still alive.
        AccountClosing: The account is being deleted.
    """
    user = store.find_user(user_id)
    if user is None:
        raise NotAuthenticated("There is no such user any more.")
    if user.state == CLOSING:
        raise AccountClosing("It cannot be used any more.")
    return user


def change(caller: Caller, wanted: ProfileChange, versions: frozenset[int] | None) -> UserItem:
    """Change a profile, and return the user as it is now.

    Whoever has another's access token does not have the account: another address needs a login whose password was typed
    a moment ago, and whoever reads the confirmed address is told before it changes.

    Args:
        caller: The user's login.
        wanted: What changes.
        versions: The versions that the change may find, None for any.

    Raises:
        PreconditionFailed: It has another version.
        UsernameTaken: Someone has the new username.
        InvalidRequest: The new username or address cannot be one.
        LoginTooOld: The address would change, and the password was typed longer than 10 minutes ago.
        TooManyTries: The address would change, and too many mails went to the confirmed one.
        MailUnavailable: The address would change, and the confirmed one cannot be told.
    """
    user_id, is_told = caller.user_id, False
    for _ in range(_RACING_CHANGES):
        user = find(user_id)
        require_version(int(user.version), versions)
        values = _values(user, wanted)
        if not values:
            return user
        if "email_verified_at" in values and not is_told:
            _allow_another_address(caller, user, is_new=values["email_verified_at"] is None)
            is_told = True
        try:
            store.change_user(user, _actions(values), *_renaming(user, user_id, values))
        except ConditionFailedError:
            _require_free(values, user_id)
            continue
        for name, value in values.items():
            setattr(user, name, value)
        user.version = int(user.version) + 1
        return user
    raise PreconditionFailed("Others change it at the same moment. Read it again: nothing was changed.")


def _values(user: UserItem, wanted: ProfileChange) -> dict[str, Any]:
    given = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    values = {name: value for name, value in given.items() if value is not UNSET}
    # What the account has already was allowed once.
    if values.get("username", user.username) != user.username:
        check_username(values["username"])
    if "email" in values:
        if values["email"] not in (user.email, user.verified_email):
            check_email(values["email"])
        # To the letter: addresses that fold to the same text may be different mailboxes.
        if values["email"] != user.email:
            values["email_verified_at"] = _now() if values["email"] == user.verified_email else None
    return {**values, "updated_at": _now()} if values else {}


def _allow_another_address(caller: Caller, user: UserItem, *, is_new: bool) -> None:
    logins.require_recent(caller, "Nothing was changed. Log in again with your password, then change the address.")
    if is_new and user.verified_email is not None:
        _tell(str(user.verified_email), letters.address_changes(user.username))


def _actions(values: Mapping[str, Any]) -> store.Changes:
    attributes = UserItem.get_attributes()
    return [
        attributes[name].remove() if value is None else attributes[name].set(value) for name, value in values.items()
    ]


def _renaming(user: UserItem, user_id: str, values: Mapping[str, Any]) -> "tuple[UsernameItem | None, str]":
    before, after = fold_username(user.username), fold_username(values.get("username", user.username))
    return (None, "") if before == after else (store.username_item(after, user_id), before)


def _require_free(values: Mapping[str, Any], user_id: str) -> None:
    if "username" in values and store.find_user_id(fold_username(values["username"])) not in (None, user_id):
        raise UsernameTaken("Choose another username. Nothing was changed.")


def send_code(user_id: str) -> None:
    """Send a code to the user's address.

    Raises:
        EmailConfirmed: There is nothing to confirm.
        TooManyTries: Too many mails went to this address, or too many codes were sent by this user.
        MailUnavailable: The mail could not be sent; a code that was sent before still works.
    """
    user = find(user_id)
    if user.email_verified_at is not None:
        raise EmailConfirmed("There is nothing to do.")
    throttling.take(throttling.mails_of_sender(), user_id)
    code = codes.draw(user_id, codes.EMAIL, user.email)
    _tell(user.email, letters.verification(code.text))
    code_store.put_code(code.item)


def _tell(address: str, letter: letters.Letter) -> None:
    taken = throttling.take(throttling.mails_of_recipient(), fold_email(address))
    try:
        mail.send(address, letter)
    except mail.MailUnavailable:
        taken.give_back()
        raise


def confirm_email(user_id: str, sent_code: str) -> None:
    """Make the user's address the user's own.

    Raises:
        CodeInvalid: The code is wrong, used, expired, of another address, or was tried too often.
        EmailTaken: Another user has confirmed the address, perhaps at the same moment.
    """
    code = codes.check(user_id, codes.EMAIL, sent_code)
    for _ in range(_RACING_CHANGES):
        user = find(user_id)
        if code.email != user.email:
            raise codes.CodeInvalid("It was sent to another address than the account has now. Ask for a new one.")
        folded = fold_email(user.email)
        try:
            store.confirm_email(user, code, folded, [UserItem.email_verified_at.set(_now())])
        except ConditionFailedError:
            _require_confirmable(user_id, folded)
            continue
        return
    raise codes.CodeInvalid("Others change the account at the same moment. Try again.")


def _require_confirmable(user_id: str, folded: str) -> None:
    if store.find_email_owner(folded) not in (None, user_id):
        raise EmailTaken("Log in as that user, or give another address.")
    if code_store.find_code(user_id, codes.EMAIL) is None:
        raise codes.CodeInvalid("It was used already.")


def change_password(caller: Caller, wanted: PasswordChange) -> None:
    """Change a password, and end all logins but the one that asks.

    Raises:
        InvalidRequest: The new password cannot be one.
        TooManyTries: Too many wrong passwords came from this login.
        CurrentPasswordWrong: It is.
    """
    user = find(caller.user_id)
    check_password(wanted.new_password, "$.new_password", user.username, user.email)
    attempt = throttling.take(throttling.failures_of_known_login(), caller.login_id or "")
    if not verify_password(user.password_hash, wanted.current_password):
        raise CurrentPasswordWrong("Nothing was changed.")
    attempt.give_back()
    # Before it, so that after a crash no login of the old password is left beside a new one; and after it, for those
    # that were opened in between.
    logins.end_all(caller.user_id, but=caller.login_id)
    try:
        store.set_password(user, password_changes(wanted.new_password))
    except ConditionFailedError as error:
        raise CurrentPasswordWrong("It was changed at the same moment.") from error
    logins.end_all(caller.user_id, but=caller.login_id)


def password_changes(password: str) -> store.Changes:
    """Return what changes of a user with a new password."""
    return [UserItem.password_hash.set(hash_password(password)), UserItem.password_changed_at.set(_now())]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def accepts_lane_bridges(user_id: str) -> bool:
    """Return whether what lane bridges bring of a user's devices goes into the account; not when it is closing."""
    user = store.find_user(user_id)
    return user is not None and bool(user.accepts_lane_bridges) and user.state != CLOSING
