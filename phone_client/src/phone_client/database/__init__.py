"""The phone's local database: entries as the user sees them, and what has to be sent."""

from phone_client.database.connection import Database, DatabaseError
from phone_client.database.entry_types import ENTRY_TYPES, EntryType, Field, FieldKind, Fields, Value

__all__ = ["ENTRY_TYPES", "Database", "DatabaseError", "EntryType", "Field", "FieldKind", "Fields", "Value"]
