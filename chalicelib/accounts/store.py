"""The User database in DynamoDB: each function is one read, or one write that happens wholly or not at all."""

from typing import TYPE_CHECKING

from pynamodb.exceptions import DoesNotExist, UpdateError
from pynamodb.transactions import TransactWrite

from chalicelib.accounts.items import BridgeItem, CredentialItem, LoginItem, RefreshItem, UserItem, UsernameItem
from chalicelib.dynamodb import ConditionFailedError, write_together

if TYPE_CHECKING:
    from pynamodb.expressions.update import Action

_UNUSED = RefreshItem.pk.exists() & RefreshItem.successor.does_not_exist()


def user_key(user_id: str) -> str:
    """Return the partition of everything that belongs to a user."""
    return f"U#{user_id}"


def add_user(user: UserItem, name: UsernameItem) -> None:
    """Write a user and the claim on the username together.

    Raises:
        ConditionFailedError: The username is taken.
    """

    def actions(write: TransactWrite) -> None:
        write.save(name, condition=UsernameItem.pk.does_not_exist())
        write.save(user, condition=UserItem.pk.does_not_exist())

    write_together(actions)


def find_user_id(folded_username: str) -> str | None:
    """Return the user of a folded username."""
    try:
        return UsernameItem.get(f"N#{folded_username}", UsernameItem.SK, consistent_read=True).user_id
    except DoesNotExist:
        return None


def find_user(user_id: str) -> UserItem | None:
    """Return a user."""
    try:
        return UserItem.get(user_key(user_id), UserItem.SK, consistent_read=True)
    except DoesNotExist:
        return None


def replace_password_hash(user: UserItem, kept_hash: str) -> None:
    """Write a password's new hash.

    Raises:
        ConditionFailedError: The password was changed meanwhile; the newer one stays.
    """
    unchanged = UserItem.password_hash == user.password_hash
    new: list[Action] = [UserItem.password_hash.set(kept_hash)]
    write_together(lambda write: write.update(user, actions=new, condition=unchanged))


def add_login(login: LoginItem, refresh: RefreshItem) -> None:
    """Write a login and its first refresh token together."""

    def actions(write: TransactWrite) -> None:
        write.save(login)
        write.save(refresh)

    write_together(actions)


def find_refresh(token_sha256: str) -> RefreshItem | None:
    """Return a refresh token by its hash."""
    try:
        return RefreshItem.get(f"R#{token_sha256}", RefreshItem.SK, consistent_read=True)
    except DoesNotExist:
        return None


def rotate_refresh(old: RefreshItem, new: RefreshItem, rotated_at_s: int) -> None:
    """Put a new refresh token in the place of one that was never used, while its login is open.

    Raises:
        ConditionFailedError: It was used meanwhile, or the login has ended.
    """
    successor: list[Action] = [RefreshItem.successor.set(_hash_of(new)), RefreshItem.rotated_at.set(rotated_at_s)]

    def actions(write: TransactWrite) -> None:
        write.update(old, actions=successor, condition=_UNUSED)
        write.save(new)
        _require_open(write, old)

    write_together(actions)


def replace_successor(old: RefreshItem, new: RefreshItem) -> None:
    """Void an unused successor, whose reply was lost, and put a fresh one in its place, while the login is open.

    Raises:
        ConditionFailedError: The successor was used meanwhile, or the login has ended.
    """
    successor: list[Action] = [RefreshItem.successor.set(_hash_of(new))]

    def actions(write: TransactWrite) -> None:
        write.update(old, actions=successor, condition=RefreshItem.successor == old.successor)
        write.delete(RefreshItem(f"R#{old.successor}", RefreshItem.SK), condition=_UNUSED)
        write.save(new)
        _require_open(write, old)

    write_together(actions)


def end_login(user_id: str, login_id: str, ended_at: str) -> None:
    """End a login: none of its refresh tokens works any more.

    Raises:
        ConditionFailedError: There is no such login.
    """
    login = LoginItem(user_key(user_id), f"LOGIN#{login_id}")
    ended: list[Action] = [LoginItem.ended_at.set(ended_at)]
    write_together(lambda write: write.update(login, actions=ended, condition=LoginItem.pk.exists()))


def add_bridge(bridge: BridgeItem, credential: CredentialItem) -> None:
    """Write a bridge and its credential together."""

    def actions(write: TransactWrite) -> None:
        write.save(bridge)
        write.save(credential, condition=CredentialItem.pk.does_not_exist())

    write_together(actions)


def find_credential(credential_sha256: str) -> CredentialItem | None:
    """Return a bridge's credential by its hash."""
    try:
        return CredentialItem.get(f"B#{credential_sha256}", CredentialItem.SK, consistent_read=True)
    except DoesNotExist:
        return None


def find_bridge(user_id: str, bridge_id: str) -> BridgeItem | None:
    """Return a bridge of a user."""
    try:
        return BridgeItem.get(user_key(user_id), BridgeItem.SK_PREFIX + bridge_id, consistent_read=True)
    except DoesNotExist:
        return None


def set_heartbeat(user_id: str, bridge_id: str, heartbeat: object, received_at: str) -> None:
    """Write a bridge's last heartbeat onto it; written twice it is the same.

    Raises:
        ConditionFailedError: There is no such bridge any more, and this makes none.
    """
    bridge = BridgeItem(user_key(user_id), BridgeItem.SK_PREFIX + bridge_id)
    latest: list[Action] = [
        BridgeItem.heartbeat.set(heartbeat),
        BridgeItem.heartbeat_received_at.set(received_at),
    ]
    try:
        bridge.update(actions=latest, condition=BridgeItem.pk.exists())
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        raise ConditionFailedError(str(error)) from error


def bridges_of(user_id: str, limit: int, after: str | None) -> tuple[list[BridgeItem], str | None]:
    """Return a part of a user's bridges in the order of their ids, and the sort key where the next part begins."""
    start = None if after is None else {"pk": {"S": user_key(user_id)}, "sk": {"S": after}}
    found = BridgeItem.query(
        user_key(user_id),
        BridgeItem.sk.startswith(BridgeItem.SK_PREFIX),
        consistent_read=True,
        limit=limit,
        last_evaluated_key=start,
    )
    items = list(found)
    last = found.last_evaluated_key
    return items, last["sk"]["S"] if last else None


def _hash_of(refresh: RefreshItem) -> str:
    return str(refresh.pk).removeprefix("R#")


def _require_open(write: TransactWrite, refresh: RefreshItem) -> None:
    write.condition_check(
        LoginItem,
        user_key(refresh.user_id),
        f"LOGIN#{refresh.login_id}",
        condition=LoginItem.pk.exists() & LoginItem.ended_at.does_not_exist(),
    )
