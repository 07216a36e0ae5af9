"""The scorebook on the phone: entries written and read without any network."""

from phone_client.scorebook.book import Scorebook
from phone_client.scorebook.checking import EntryError
from phone_client.scorebook.ids import Ids
from phone_client.scorebook.reading import Entry

__all__ = ["Entry", "EntryError", "Ids", "Scorebook"]
