"""That the benchmark of a phone's first sync measures what it says."""

import msgspec

from bench import phone_sync
from bench.history import pages
from bench.report import Options
from phone_client.sync import PullReply


def test_a_first_sync_is_measured_beside_bare_inserts() -> None:
    """A quick run has all figures, and the phone has in the end what was recorded, by its checksum."""
    figures = phone_sync.run(Options(quick=True)).figures
    assert [figure.unit for figure in figures] == ["x", "1/s", "1/s", "x", "MiB"]
    assert all(figure.value > 0 for figure in figures)


def test_a_recorded_history_has_the_size_it_says() -> None:
    """Pages of a thousand, the last one with the rest and the count."""
    replies = [msgspec.json.decode(page, type=PullReply) for page in pages(2500)]
    assert [len(reply.changes) for reply in replies] == [1000, 1000, 500]
    assert [reply.more for reply in replies] == [True, True, False]
    assert replies[-1].count == 2500
