"""What admins do with users. Each action is written into the audit, in the same transaction as what it changes."""

import re
from datetime import UTC, datetime

from chalicelib.accounts import audit, logins, store
from chalicelib.accounts.audit_model import AuditList
from chalicelib.accounts.items import UserItem
from chalicelib.accounts.names import LONGEST_KEY_BYTES, fold_username
from chalicelib.accounts.user_model import Role
from chalicelib.administration import listing_store
from chalicelib.administration.model import ManagedUser, ManagedUserList
from chalicelib.administration.views import managed_user
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import InvalidQuery, NotFound, Problem
from chalicelib.lists import decode_position, encode_position

_FOLDED = re.compile(r"[^\x00-\x1f\ud800-\udfff]{1,512}")
_NO_USER = "There is no such user."


class OwnAccount(Problem):
    """Admins do not lock themselves and do not change their own role."""

    status = 409
    name = "own-account"


def overview(admin_id: str, prefix: str | None, limit: int, cursor: str | None) -> ManagedUserList:
    """Return a part of the users whose usernames begin so, in their order, and where the next part begins.

    Raises:
        InvalidQuery: The cursor is none of ours.
    """
    begins = fold_username(prefix or "")
    if len(begins.encode()) > LONGEST_KEY_BYTES:
        # Short as it is typed and long when it is folded: no username begins so, and DynamoDB takes no such key.
        audit.add(audit.record(_user(admin_id), "list_users", audit.DONE))
        return ManagedUserList((), None)
    after = None if cursor is None else decode_position(cursor, (_FOLDED,))[0]
    if after is not None and not after.startswith(begins):
        # DynamoDB refuses a start outside of what is asked for, as an error of ours.
        raise InvalidQuery("The cursor is of a list of other usernames; begin without one.")
    names, last = listing_store.list_names(begins, limit, after)
    audit.add(audit.record(_user(admin_id), "list_users", audit.DONE))
    users = listing_store.find_users([name.user_id for name in names])
    found = [users[name.user_id] for name in names if name.user_id in users]
    return ManagedUserList(tuple(map(_shown, found)), encode_position(None if last is None else (last,)))


def find(admin_id: str, user_id: str) -> ManagedUser:
    """Return a user.

    Raises:
        NotFound: There is none.
    """
    user = _user(user_id)
    audit.add(audit.record(_user(admin_id), "get_user", audit.DONE, user))
    return _shown(user)


def lock(admin_id: str, user_id: str) -> ManagedUser:
    """Lock an account: all its logins end, and no new one opens.

    Raises:
        NotFound: There is no such user.
        OwnAccount: It is the admin's own.
    """
    now = UserItem.locked_at.set(UserItem.locked_at | datetime.now(UTC).isoformat())
    locked = _manage(admin_id, user_id, "lock_user", [now], None)
    # First locked, then ended: a login that opens at this moment sees the one or is met by the other.
    logins.end_all(user_id)
    return locked


def unlock(admin_id: str, user_id: str) -> ManagedUser:
    """Unlock an account; its user logs in again.

    Raises:
        NotFound: There is no such user.
        OwnAccount: It is the admin's own.
    """
    return _manage(admin_id, user_id, "unlock_user", [UserItem.locked_at.remove()], None)


def set_role(admin_id: str, user_id: str, role: Role) -> ManagedUser:
    """Give a user a role, in force with the next request.

    Raises:
        NotFound: There is no such user.
        OwnAccount: It is the admin's own.
    """
    return _manage(admin_id, user_id, "set_role", [UserItem.role.set(role)], role)


def audit_of(admin_id: str, day: str | None, limit: int, cursor: str | None) -> AuditList:
    """Return a part of a day's audit, newest first.

    Raises:
        InvalidQuery: The cursor is none of ours.
    """
    audit.add(audit.record(_user(admin_id), "list_audit", audit.DONE))
    return audit.of_day(day, limit, cursor)


def _manage(admin_id: str, user_id: str, action: str, changes: store.Changes, detail: str | None) -> ManagedUser:
    admin, user = _user(admin_id), _user(user_id)
    if admin_id == user_id:
        audit.add(audit.record(admin, action, audit.DENIED, user, detail))
        raise OwnAccount("Ask another admin. Nothing was changed.")
    try:
        store.manage_user(user_id, changes, audit.record(admin, action, audit.DONE, user, detail))
    except ConditionFailedError as error:
        raise NotFound(_NO_USER) from error
    return _shown(_user(user_id))


def _user(user_id: str) -> UserItem:
    user = store.find_user(user_id)
    if user is None:
        raise NotFound(_NO_USER)
    return user


def _shown(user: UserItem) -> ManagedUser:
    return managed_user(user, audit.pseudonym_of(user))
