"""Schema versions: every item says in `v` which one it has, and whoever reads an old item gets it as today's.

An item class lists its upgrades, the first of them from version 1 to 2. Reading applies those that an item lacks, so no
code but the upgrades knows an old form, and the migration tool (`maintenance`) writes the same result down for good.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

RawItem = dict[str, dict[str, Any]]
"""An item as DynamoDB sends it: each attribute with its type."""
Upgrade = Callable[[RawItem], None]
"""Changes an item of one version into one of the next, in place; what is there already it leaves as it is, for an item
may have been changed by today's code before it was upgraded."""


class VersionedItem(Model):
    """An item that says the version of its schema.

    Attributes:
        UPGRADES: What leads from version 1 to today's, one function a version.
    """

    UPGRADES: ClassVar[tuple[Upgrade, ...]] = ()
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    v = NumberAttribute()

    def __init__(self, *keys: Any, **attributes: Any) -> None:
        if attributes.get("_user_instantiated", True):
            attributes.setdefault("v", self.schema_version())
        super().__init__(*keys, **attributes)

    @classmethod
    def schema_version(cls) -> int:
        """Return today's version of this class."""
        return len(cls.UPGRADES) + 1

    @classmethod
    def from_raw_data(cls, data: RawItem) -> Self:
        """Return an item of today's version, whichever one was stored."""
        return super().from_raw_data(upgraded(cls, data))


def upgraded(kind: type[VersionedItem], item: RawItem) -> RawItem:
    """Return an item in today's form; one of a later version, written before a step back, is left as it is."""
    result = dict(item)
    for version in range(version_of(item), kind.schema_version()):
        kind.UPGRADES[version - 1](result)
        result["v"] = {"N": str(version + 1)}
    return result


def version_of(item: RawItem) -> int:
    """Return the version that an item says it has; the first one for an item that says none."""
    return int(item.get("v", {}).get("N", 1))
