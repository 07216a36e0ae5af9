"""The emulated AWS kept small: what tests leave in it is taken out behind them.

moto sorts a whole table for each query and copies a whole bucket for each list of versions, so that a test in a cloud
that a thousand tests have used takes many times as long as it does alone.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import FakeKey, s3_backends

from local_cloud.cloud import LocalCloud

PATIENCE_S = 10
Place = tuple[Any, ...]
Holding = dict[Place, set[Any]]


@contextlib.contextmanager
def tidied(cloud: LocalCloud) -> Iterator[None]:
    """Take every item, object and upload out of the cloud that came while the body ran."""
    before = held_by(cloud)
    yield
    tidy(cloud, before)


def held_by(cloud: LocalCloud) -> Holding:
    """Return what the cloud holds."""
    with _held_still(cloud):
        return {place: set(content) for place, content in _contents()}


def tidy(cloud: LocalCloud, before: Holding) -> None:
    """Take out what the cloud did not hold before."""
    # What is tried again for longer than that finds nothing more to do then.
    with contextlib.suppress(TimeoutError):
        cloud.pump.drain(PATIENCE_S)
    with _held_still(cloud):
        for place, content in _contents():
            for key in set(content) - before.get(place, set()):
                _take(content, key)


def _take(content: dict[Any, Any], key: Any) -> None:
    versions = dict.pop(content, key)
    for version in versions if isinstance(versions, list) else ():
        # Not a delete marker, which holds no file.
        if isinstance(version, FakeKey):
            version.dispose()


def _held_still(cloud: LocalCloud) -> contextlib.AbstractContextManager[Any]:
    """Let nobody call the emulated AWS meanwhile."""
    held: contextlib.AbstractContextManager[Any] = cloud.pump._emulator._lock
    return held


def _contents() -> list[tuple[Place, dict[Any, Any]]]:
    """Return moto's own dictionaries of what it holds, each with where that is."""
    found: list[tuple[Place, dict[Any, Any]]] = []
    for regions in dynamodb_backends.values():
        for name, table in ((name, table) for region in regions.values() for name, table in region.tables.items()):
            found.append(((name,), table.items))
            found += [((name, key), partition) for key, partition in table.items.items()]
    for partitions in s3_backends.values():
        for name, bucket in ((name, bucket) for each in partitions.values() for name, bucket in each.buckets.items()):
            found += [((name,), bucket.keys), ((name, "uploads"), bucket.multiparts)]
    return found
