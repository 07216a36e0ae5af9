"""The campaigns at the size of CI, and that each of them finds what it is there to find."""

from collections.abc import Callable

import pytest

from device_bridge import pages
from local_cloud.cloud import LocalCloud
from tests.stress import images, packets, sieges
from tests.stress.aftermath import run_siege
from tests.stress.campaign import Outcome, Plan
from tests.stress.force import Force
from tests.stress.stand_in import StandIn

SEED = 20_261_124


def test_no_damaged_packet_brings_a_false_page() -> None:
    """10,000 damaged packets, whole valid pages of other places among them: no false page, and nothing raised."""
    outcome = packets.run(Plan(SEED))
    assert outcome.failures == []
    assert outcome.counts["damaged_packets"] >= 10_000
    assert outcome.counts["swapped_pages"] > 300
    assert outcome.counts["pages_given_as_good"] > 1000


def test_packets_find_a_reader_that_believes_its_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the page's own check, whose place the packet's checksum cannot take, false pages are found."""
    monkeypatch.setattr(pages, "find_problem", lambda *_: None)
    assert packets.run(Plan(SEED)).failure_count > 100


def test_every_flipped_bit_of_three_games_is_found() -> None:
    """A quarter of a million bits of three games, flipped one by one, each name their page; other damage is found."""
    outcome = images.run(Plan(SEED))
    assert outcome.failures == []
    assert outcome.counts["flipped_bits"] > 200_000
    assert outcome.counts["refused_captures"] > 400


def test_images_find_a_check_that_looks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that takes any page for good is found."""
    monkeypatch.setattr(images, "find_problem", lambda *_: None)
    assert images.flip_record((SEED, 1, False)).failure_count > 1000


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("run", "act", "times"),
    [
        (sieges.run_kills, "kills", 100),
        (sieges.run_unplugs, "unplugs", 100),
        (sieges.run_everything, "kills", 10),
    ],
)
def test_a_bridge_under_siege_delivers_everything_once(run: Callable[[Plan], Outcome], act: str, times: int) -> None:
    """Killed, unplugged and refused at random, in the end the cloud holds every record once, byte for byte."""
    outcome = run(Plan(SEED))
    assert outcome.failures == []
    assert outcome.counts[act] == times


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_real_cloud_holds_everything_once(cloud: LocalCloud) -> None:
    """The same before the real API of a local cloud: its raw database holds every record once, byte for byte."""
    outcome = sieges.besiege_cloud(Plan(SEED), cloud.api_url or "")
    assert outcome.failures == []
    assert outcome.counts["kills"] > 0


class LossyApi(StandIn):
    """An API that loses one capture, and changes a byte of another, after it has acknowledged them."""

    def collect(self) -> list[bytes]:
        """Return what is left."""
        _, changed, *others = super().collect()
        return [bytes([changed[0] ^ 1]) + changed[1:], *others]


@pytest.mark.long
def test_a_siege_finds_what_is_lost() -> None:
    """When the cloud does not hold what was recorded, the campaign says so."""
    outcome = run_siege("lossy", Plan(SEED), Force(kills=3, unplugs=0, devices=1), LossyApi())
    assert any("captures that are not the same" in failure for failure in outcome.failures)
