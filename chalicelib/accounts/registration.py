"""Registering: a user, usable at once, and the code that confirms the address."""

import logging
import uuid
from datetime import UTC, datetime

from chalicelib.accounts import code_store, codes, letters, mail, store, throttling
from chalicelib.accounts.items import UserItem, user_key
from chalicelib.accounts.names import UsernameTaken, check_email, check_username
from chalicelib.accounts.passwords import check_password, hash_password
from chalicelib.accounts.user_model import Registration, UserView
from chalicelib.accounts.views import user_view
from chalicelib.dynamodb import ConditionFailedError

_LOG = logging.getLogger("chalicelib.accounts")


def register(registration: Registration, address: str = "") -> UserView:
    """Make a user, and send a code to the address that was given.

    The answer and the mail are the same whether the address is confirmed by another user or not, and nothing is looked
    up for it: its owner gets the mail, and without the code the address stays theirs.

    Args:
        registration: Who registers.
        address: The client's address.

    Raises:
        InvalidRequest: The username, the address or the password cannot be one.
        TooManyTries: Too many registrations came from this address.
        UsernameTaken: Someone has this username, in whatever capitals.
    """
    folded, folded_email = check_username(registration.username), check_email(registration.email)
    check_password(registration.password, "$.password", registration.username, registration.email)
    throttling.take(throttling.registrations_of_address(), address)
    user = _user_item(registration)
    name = store.username_item(folded, str(user.pk).removeprefix("U#"))
    try:
        store.add_user(user, name)
    except ConditionFailedError as error:
        raise UsernameTaken("Choose another username.") from error
    _send_code(name.user_id, registration.email, folded_email)
    return user_view(user)


def _user_item(registration: Registration) -> UserItem:
    now = datetime.now(UTC).isoformat()
    return UserItem(
        user_key(str(uuid.uuid4())),
        UserItem.SK,
        username=registration.username,
        email=registration.email,
        first_name=registration.first_name,
        last_name=registration.last_name,
        phone=registration.phone,
        handedness=registration.handedness,
        password_hash=hash_password(registration.password),
        pseudonym=str(uuid.uuid4()),
        created_at=now,
        updated_at=now,
    )


def _send_code(user_id: str, email: str, folded_email: str) -> None:
    """Send the code; without a mail the user is registered all the same, and can ask for another code."""
    try:
        throttling.take(throttling.mails_of_recipient(), folded_email)
        code = codes.draw(user_id, codes.EMAIL, email)
        mail.send(email, letters.verification(code.text))
        code_store.put_code(code.item)
    except (throttling.TooManyTries, mail.MailUnavailable) as problem:
        _LOG.warning("a user registered and no code was sent: %s", problem.name)
