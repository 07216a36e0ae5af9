"""Taking a user out of the Raw database: account and inbox, what they lead to, and every version of the bytes."""

from datetime import datetime

from chalicelib import partition
from chalicelib.captures import object_versions, rows
from chalicelib.captures.inbox_store import device_partition, waiting_key
from chalicelib.captures.items import BroughtItem, CaptureItem, TicketItem
from chalicelib.captures.places import NOBODY, inbox_of, is_inbox
from chalicelib.devices import holders
from chalicelib.partition import CapturesRow, Row


def sweep(user_id: str) -> None:
    """Remove everything of a user, metrics beside the rows too; done again it removes what came meanwhile.

    What a row leads to goes before the row, so that nothing is left which cannot be found any more.
    """
    for place in (user_id, inbox_of(user_id)):
        for found in partition.pages(CapturesRow, rows.partition(place)):
            for row in found:
                _remove_what_it_leads_to(row, user_id, place)
            partition.remove(CapturesRow, found)
    # The inbox's objects stand below the account's.
    object_versions.remove_for_good(rows.object_prefix(user_id))


def _remove_what_it_leads_to(row: Row, user_id: str, place: str) -> None:
    sha256 = row.sk.partition("#")[2]
    if row.sk.startswith(BroughtItem.SK_PREFIX):
        _leave_unnamed(row.text("place"), sha256, user_id)
    is_capture = row.sk.startswith(CaptureItem.SK_PREFIX)
    if is_capture and is_inbox(place):
        _remove_waiting(CaptureItem.from_raw_data(row.raw), user_id)
    brought_by = row.text("brought_by")
    # A ticket leads there as well, for its bytes may never have come.
    if (is_capture or row.sk.startswith(TicketItem.SK_PREFIX)) and brought_by not in {None, user_id, NOBODY}:
        _remove_at_bringer(str(brought_by), sha256, place)


def _leave_unnamed(place: str | None, sha256: str, user_id: str) -> None:
    """Let a capture of somebody else, which a bridge of this user brought, no longer say whose bridge it was."""
    for prefix in (CaptureItem.SK_PREFIX, TicketItem.SK_PREFIX):
        row = CapturesRow(rows.partition(place or NOBODY), prefix + sha256)
        partition.replace_text(row, "brought_by", user_id, NOBODY)


def _remove_waiting(item: CaptureItem, user_id: str) -> None:
    serial = rows.serial_of(item)
    if serial is None or item.start_at is None:
        return
    # A delivery that was cut off has written the row for whoever had the device, and no word yet of where it went.
    holder_id = holders.holder_at(serial, datetime.fromisoformat(item.start_at))
    _leave_unnamed(holder_id, rows.sha256_of(item), user_id)
    partition.remove(CapturesRow, [CapturesRow(device_partition(serial), waiting_key(item))])


def _remove_at_bringer(brought_by: str, sha256: str, place: str) -> None:
    """Remove what the owner of the bridge keeps of a capture: where it went, and versions of the bytes that waited."""
    partition.remove_if_text(CapturesRow(rows.partition(brought_by), BroughtItem.SK_PREFIX + sha256), "place", place)
    inbox = inbox_of(brought_by)
    if partition.find(CapturesRow, rows.partition(inbox), CaptureItem.SK_PREFIX + sha256) is None:
        object_versions.remove_for_good(rows.object_key(inbox, sha256))
