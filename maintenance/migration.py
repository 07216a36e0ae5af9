"""Migrating a table: every item that has an older version of its schema is written once in today's.

Readers upgrade old items by themselves, so nothing waits for this; it lets upgrades be dropped some day. It may be
stopped at any moment and run again: an item that is migrated already is left alone.
"""

from collections.abc import Sequence

from chalicelib.partition import Kind
from chalicelib.versions import RawItem, upgraded, version_of
from maintenance.table import Table
from maintenance.walk import WRITTEN, Deed, Pace, rewrite

UNKNOWN = "unknown"
CURRENT = "current"
OLD = "old"
MIGRATED = "migrated"


def migrating(table: Table, kinds: Sequence[Kind], pace: Pace, *, is_dry: bool) -> Deed:
    """Return what a migration does with an item.

    Args:
        table: Where the items stand.
        kinds: The classes of items that there are.
        pace: How fast it may go.
        is_dry: Whether nothing is written.
    """

    def migrate(item: RawItem) -> str:
        kind = next((kind for kind in kinds if kind.has(item)), None)
        if kind is None:
            return f"{UNKNOWN} {item['sk']['S'].partition('#')[0]}, version {version_of(item)}: left as it is"
        name = f"{kind.item.__name__}, version {version_of(item)}"
        if version_of(item) >= kind.item.schema_version():
            return f"{name}: {CURRENT}"
        return f"{name}: {OLD if is_dry else _migrate(table, kind, pace, item)}"

    return migrate


def _migrate(table: Table, kind: Kind, pace: Pace, item: RawItem) -> str:
    def in_todays_form(found: RawItem) -> RawItem | None:
        is_current = version_of(found) >= kind.item.schema_version()
        return None if is_current else upgraded(kind.item, found)

    outcome = rewrite(table, pace, item, in_todays_form)
    return MIGRATED if outcome == WRITTEN else outcome
