"""What admins do with devices. Each action is written into the audit, a release in the transaction that makes it."""

from datetime import datetime

from chalicelib.accounts import audit, store
from chalicelib.accounts.items import AuditItem, UserItem
from chalicelib.administration.model import ManagedDevice
from chalicelib.devices import claims
from chalicelib.devices import store as device_store
from chalicelib.devices.items import NOBODY, HolderItem
from chalicelib.errors import NotFound


def show(admin_id: str, serial: str) -> tuple[ManagedDevice, int]:
    """Return the last claim on a device, and its version.

    Raises:
        NotFound: Nobody has ever claimed it.
    """
    holder = device_store.find_holder(serial)
    if holder is None:
        raise NotFound(claims.NEVER_CLAIMED)
    audit.add(audit.record(_admin(admin_id), "get_claim", audit.DONE, store.find_user(holder.user_id), serial))
    return _shown(serial, holder), int(holder.version)


def release(admin_id: str, serial: str, versions: frozenset[int] | None) -> None:
    """End whoever's claim on a device now; what came meanwhile stays in the account. Ended already, it is left so.

    Raises:
        NotFound: Nobody has ever claimed it.
        PreconditionFailed: Its claim is in another version.
        DeviceBusy: Others were faster, again and again.
    """
    admin = _admin(admin_id)

    def recorded(holder: HolderItem) -> AuditItem:
        return audit.record(admin, "end_claim", audit.DONE, store.find_user(holder.user_id), serial)

    if not claims.release_for(serial, versions, recorded):
        # Nobody is the target: nobody had it, and whoever had it last was not touched.
        audit.add(audit.record(admin, "end_claim", audit.DONE, None, serial))


def _admin(admin_id: str) -> UserItem:
    admin = store.find_user(admin_id)
    if admin is None:
        raise NotFound("There is no such user.")
    return admin


def _shown(serial: str, holder: HolderItem) -> ManagedDevice:
    user_id = None if holder.user_id == NOBODY else str(holder.user_id)
    return ManagedDevice(serial, user_id, datetime.fromisoformat(holder.from_), until=_moment(holder.until))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
