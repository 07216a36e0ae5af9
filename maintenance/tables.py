"""The tables of a stage, and the classes of items in each."""

from chalicelib.accounts import holdings as accounts
from chalicelib.captures import holdings as captures
from chalicelib.devices import holdings as devices
from chalicelib.metrics import holdings as metrics
from chalicelib.partition import Kind
from chalicelib.privacy import sources as privacy
from chalicelib.scorebook import holdings as scorebook
from chalicelib.settings import settings
from maintenance.table import Table

KINDS: tuple[Kind, ...] = (
    *accounts.KINDS,
    *devices.KINDS,
    *captures.KINDS,
    *scorebook.KINDS,
    *metrics.KINDS,
    *privacy.KINDS,
)


def open_table(name: str, segments: int) -> Table:
    """Return a table of the stage: `accounts`, `captures` or `scorebook`."""
    names = {
        "accounts": settings().accounts_table,
        "captures": settings().captures_table,
        "scorebook": settings().scorebook_table,
    }
    return Table(names[name], segments)


def kinds_of(table: str) -> list[Kind]:
    """Return the classes of items that stand in a table."""
    return [kind for kind in KINDS if kind.item.Meta.table_name == table]
