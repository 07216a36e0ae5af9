"""Rows that come after their objects, while S3 tells of the objects by itself."""

from chalicelib import queue
from chalicelib.captures import store
from chalicelib.captures.items import CaptureItem
from chalicelib.captures.rows import place_of, sha256_of


def add(row: CaptureItem) -> tuple[CaptureItem, bool]:
    """Write the row of an object that is there; what it returns and raises is `store.add`'s.

    The object's event may have been handled by now, without what only the row knows: what was said beside the bytes.
    Whoever handles it keeps the result before it looks for the row, and here the result is looked for after the row is
    there: one of the two finds the other.
    """
    kept, is_new = store.add(row)
    if is_new and store.has_result(place_of(row), sha256_of(row)):
        queue.announce(str(row.object_key))
    return kept, is_new
