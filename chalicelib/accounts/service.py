"""Accounts: who holds a credential, and what that one may do."""

from chalicelib.accounts import audit, credential_store, login_store, logins, store
from chalicelib.accounts.items import UserItem
from chalicelib.accounts.tokens import BRIDGE_PREFIX, read_access_token, secret_sha256
from chalicelib.call import Caller
from chalicelib.errors import NotAuthenticated, NotPermitted
from chalicelib.operation import Operation, Scope
from chalicelib.secrets import signing_keys

ADMIN = "admin"
_FOR_BRIDGES = (Scope.BRIDGE, Scope.USER_OR_BRIDGE)
_ENDED = "This login has ended. Log in again."


def authenticate(credential: str, operation: Operation | None = None) -> Caller:
    """Return who holds a Bearer credential: a user's access token or a bridge's credential.

    An operation that checks logins reads the token's login and its user, so that neither an ended login nor a locked or
    closing account does anything there; others trust a token until it expires. An operation of scope ADMIN reads the
    role as well, at each call, and a denial is written into the audit. A bridge does nothing while its owner is locked.

    Args:
        credential: What was sent.
        operation: What is asked for.

    Raises:
        NotAuthenticated: It is neither, or its login has ended.
        NotPermitted: The operation is for admins, and the user is none.
        AccountLocked: It is a bridge's, and its owner is locked; the credential works again after an unlock.
    """
    if credential.startswith(BRIDGE_PREFIX):
        return _authenticate_bridge(credential, operation)
    claims = read_access_token(lambda kid: signing_keys(having=kid), credential)
    if operation is not None and (operation.login_checked or operation.scope is Scope.ADMIN):
        user = _user_of_open_login(claims.user_id, claims.login_id)
        if operation.scope is Scope.ADMIN and user.role != ADMIN:
            _deny(user, operation)
    return Caller(user_id=claims.user_id, login_id=claims.login_id)


def _user_of_open_login(user_id: str, login_id: str) -> UserItem:
    login, user = login_store.find_login(user_id, login_id), store.find_usable_user(user_id)
    if login is None or not logins.is_open(login) or user is None:
        raise NotAuthenticated(_ENDED)
    return user


def _authenticate_bridge(credential: str, operation: Operation | None) -> Caller:
    item = credential_store.find_credential(secret_sha256(credential))
    if item is None:
        raise NotAuthenticated("The bridge's credential is not valid.")
    if operation is not None:
        _hold_to_owner(item.user_id, operation)
    return Caller(user_id=item.user_id, bridge_id=item.bridge_id)


def _hold_to_owner(owner_id: str, operation: Operation) -> None:
    # A moment old is good enough: a lock reaches the bridge with one of its next requests.
    owner = store.find_user(owner_id, at_once=False)
    if owner is None:
        return
    if operation.scope is Scope.ADMIN:
        _deny(owner, operation)
    if operation.scope in _FOR_BRIDGES and owner.locked_at is not None:
        raise logins.AccountLocked("It is this bridge's owner's. The bridge may try again: an unlock lets it go on.")


def _deny(user: UserItem, operation: Operation) -> None:
    audit.add_denial(user, operation.name)
    raise NotPermitted("This is for admins.")
