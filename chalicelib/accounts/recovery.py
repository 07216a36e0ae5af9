"""A forgotten password: a code to the confirmed address, and with it a new password.

An address that nobody has confirmed gets the same calls, in the same order, and the same answer: its code is kept where
no user is, and its mail goes to SES's own address for mail that nobody reads. What is left of a difference in time
is hidden by answering at multiples of a quarter of a second.
"""

import contextlib
import math
import time
from collections.abc import Iterator

from chalicelib.accounts import code_store, codes, letters, logins, mail, store, throttling
from chalicelib.accounts.items import CodeItem, UserItem
from chalicelib.accounts.names import check_email_key, fold_email, fold_username
from chalicelib.accounts.passwords import check_password
from chalicelib.accounts.profile import password_changes
from chalicelib.accounts.user_model import ResetConfirmation
from chalicelib.dynamodb import ConditionFailedError

ANSWER_EVERY_S = 0.25


def request(email: str, address: str) -> None:
    """Send a code to the user who has confirmed an address; nothing tells whether there is one.

    Args:
        email: The address.
        address: The client's address.

    Raises:
        TooManyTries: Too many asked from this client's address, or for this e-mail address.
        MailUnavailable: No mail can be sent; a code that was sent before still works.
    """
    folded = check_email_key(email)
    throttling.take(throttling.resets_of_address(), address)
    taken = throttling.take(throttling.resets_of_recipient(), folded)
    with _answered_on_time():
        _send_code(folded, taken)


def _send_code(folded: str, taken: throttling.Try) -> None:
    user_id, user = _owner(folded)
    # To the address that was confirmed, never to the one that was typed: another mailbox may fold to the same text.
    to, name = (mail.NOBODY, "") if user is None else (str(user.verified_email), user.username)
    # With that one too: what nobody has confirmed is kept nowhere.
    code = codes.draw(user_id, codes.PASSWORD, to)
    try:
        mail.send(to, letters.forgotten_password(code.text, name))
    except mail.MailUnavailable:
        taken.give_back()
        raise
    code_store.put_code(code.item)


def confirm(confirmation: ResetConfirmation, address: str) -> None:
    """Set a new password with the code, and end all logins.

    Args:
        confirmation: The address, the code and the new password.
        address: The client's address.

    Raises:
        InvalidRequest: The new password cannot be one; the code still works.
        TooManyTries: Too many wrong codes came from this client's address.
        CodeInvalid: The code is wrong, used, expired, or was tried too often, or nobody has confirmed the address.
    """
    folded = check_email_key(confirmation.email)
    check_password(confirmation.password, "$.password", confirmation.email)
    guess = throttling.take(throttling.failures_of_address(), address)
    with _answered_on_time():
        user_id, user, code = _check_code(folded, confirmation.code)
    guess.give_back()
    check_password(confirmation.password, "$.password", user.username, user.email)
    # Before it and after it, as with any change of a password.
    logins.end_all(user_id)
    try:
        store.set_password(user, password_changes(confirmation.password), code)
    except ConditionFailedError as error:
        raise codes.CodeInvalid("It was used at the same moment. Ask for a new one.") from error
    logins.end_all(user_id)
    # Whoever tried wrong passwords before does not keep the owner out now.
    throttling.forget(throttling.failures_of_account(), fold_username(user.username))


def _check_code(folded: str, sent: str) -> tuple[str, UserItem, CodeItem]:
    user_id, user = _owner(folded)
    code = codes.check(user_id, codes.PASSWORD, sent)
    if user is None:
        raise codes.CodeInvalid("Ask for a new one.")
    return user_id, user, code


@contextlib.contextmanager
def _answered_on_time() -> Iterator[None]:
    started_s = time.monotonic()
    try:
        yield
    finally:
        if ANSWER_EVERY_S:
            taken_s = time.monotonic() - started_s
            time.sleep(math.ceil(taken_s / ANSWER_EVERY_S) * ANSWER_EVERY_S - taken_s)


def _owner(folded: str) -> tuple[str, UserItem | None]:
    """Return who has confirmed a folded address; an id that no user has, and None, for one who cannot log in."""
    nobody = codes.nobody_of(folded)
    user_id = store.find_email_owner(folded)
    user = store.find_usable_user(user_id or nobody)
    if user_id is None or user is None:
        return nobody, None
    return (user_id, user) if fold_email(user.verified_email or "") == folded else (nobody, None)
