"""From rows to what the API shows. Pure."""

from typing import Any, cast

import msgspec

from chalicelib.errors import TYPE_PREFIX
from chalicelib.scorebook.changes import INVALID, Rejection
from chalicelib.scorebook.merging import FIXED, NOTHING_THERE, Row
from chalicelib.scorebook.model import ChangeProblem, EntryView
from chalicelib.scorebook.planning import PARENT_DELETED, PARENT_ELSEWHERE, PARENT_MISSING, REFERENCE_MISSING
from chalicelib.scorebook.rows import entry_key
from chalicelib.versions import RawItem

_TITLES = {
    INVALID: "This change does not have the fields, types or ranges that its type asks for.",
    NOTHING_THERE: "There is nothing here that could be changed.",
    FIXED: "This field keeps its value.",
    PARENT_MISSING: "What this entry belongs to is not there.",
    PARENT_DELETED: "What this entry belongs to was deleted.",
    PARENT_ELSEWHERE: "What this entry belongs to is in another session.",
    REFERENCE_MISSING: "What this entry names was never there.",
}


def view_of(row: Row) -> EntryView:
    """Return an entry as the feed shows it."""
    return EntryView(row.id, row.type, row.ver, row.deleted, {} if row.deleted else dict(row.fields))


def view_of_item(item: RawItem) -> EntryView:
    """Return a plain item of today's form as the feed shows it; its fields go through as they are."""
    kind, entry_id = entry_key(item["sk"]["S"])
    is_deleted = "deleted" in item
    fields: Any = {} if is_deleted else msgspec.Raw(item["fields"]["S"].encode())
    return EntryView(entry_id, kind, int(item["ver"]["N"]), is_deleted, cast("dict[str, Any]", fields))


def problem_of(rejection: Rejection) -> ChangeProblem:
    """Return why a change was rejected."""
    return ChangeProblem(TYPE_PREFIX + rejection.kind, _TITLES[rejection.kind], rejection.detail, rejection.errors)
