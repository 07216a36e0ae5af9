"""When the server has another history, or counts otherwise: everything is pulled, and nothing unsent is lost."""

import hashlib

import msgspec
import pytest

from phone_client import NetworkError, ProblemError
from phone_client.cli.scorebook_tables import outcome_text
from phone_client.sync import PullReply, ServerEntry, SyncOutcome
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer, problem
from tests.phone_client.sync_network import Between, NewPhone, lose, lose_push, lose_reply, sync_all, two_with_a_shot


def test_a_restore_leaves_what_the_server_has_and_what_is_unsent(new_phone: NewPhone, server: ModelServer) -> None:
    """After a backup came back under a new epoch, synced entries it lacks go, edits stay, and all phones agree."""
    one, other = new_phone(), new_phone()
    one.book.add("ball", "old", name="in the backup")
    sync_all(server, one, other)
    backup = server.snapshot()
    one.book.add("ball", "lost", name="after the backup")
    one.book.add("ball", "edited", name="after the backup", weight_lb=15)
    sync_all(server, one, other)
    server.restore(backup, "epoch-2")
    other.book.change("ball", "edited", {"comment": "unsent"})
    other.book.change("ball", "old", {"comment": "unsent as well"})
    first, second, _ = sync_all(server, other, one, other)
    assert (first.full_pulls, second.full_pulls) == (1, 1)
    assert server.live() == {
        ("ball", "old"): {"name": "in the backup", "comment": "unsent as well"},
        ("ball", "edited"): {"name": "after the backup", "weight_lb": 15, "comment": "unsent"},
    }
    assert one.shown() == other.shown() == server.live()


def test_what_a_pull_of_everything_takes_away_is_told(new_phone: NewPhone, server: ModelServer) -> None:
    """Entries that the server had and has no more are counted; the user's own deletions and what is unsent are not."""
    one, away = new_phone(), new_phone()
    for at in range(6):
        one.book.add("ball", f"b{at}", name="x")
    sync_all(server, one, away)
    for at in range(4):
        one.book.delete("ball", f"b{at}")
    sync_all(server, one)
    server.forget_tombstones()
    away.book.delete("ball", "b0")
    away.book.change("ball", "b1", {"colour": "red"})
    (outcome, later) = sync_all(server, away, away)
    assert (outcome.full_pulls, outcome.removed, later.removed) == (1, 2, 0)
    assert away.shown().keys() == server.live().keys() == {("ball", "b1"), ("ball", "b4"), ("ball", "b5")}


@pytest.mark.parametrize(
    ("count", "told"), [(1, "1 entry that this phone had"), (12, "12 entries that this phone had")]
)
def test_what_was_taken_away_is_a_line_for_the_user(count: int, told: str) -> None:
    """It is true of a server that went back to a backup, and of entries whose deletion is long forgotten."""
    lines = outcome_text(SyncOutcome(full_pulls=1, removed=count)).splitlines()
    assert lines[1] == "Everything was pulled anew; what was unsent is kept."
    why = "Deleted on another phone while this one was away for long, or lost when the server went back to a backup."
    assert lines[2:] == [f"The server no longer has {told} from it: removed here too. {why}"]
    assert len(outcome_text(SyncOutcome(full_pulls=1)).splitlines()) == 2


@pytest.mark.parametrize("behind", [0, 1])
def test_a_deletion_of_before_a_restore_does_not_pass_over_what_came_after(
    new_phone: NewPhone, server: ModelServer, behind: int
) -> None:
    """Version numbers count anew after a restore: another phone's score may have the number of what was deleted."""
    one, other, shot = two_with_a_shot(new_phone, server)
    backup = server.snapshot()
    for board in (10, 11, 12):
        one.book.change("shot", shot, {"board": board})
        sync_all(server, one)
    one.book.delete("shot", shot)
    server.restore(backup, "epoch-2")
    for count in (7, 6, 5)[behind:]:
        other.book.change("shot", shot, {"count": count})
        sync_all(server, other)
    (outcome,) = sync_all(server, one)
    assert (outcome.full_pulls, outcome.held_in_all) == (1, 1)
    assert server.live()["shot", shot]["count"] == 5


def test_a_deletion_on_top_of_a_question_stays_one_when_everything_is_pulled(
    new_phone: NewPhone, server: ModelServer
) -> None:
    """A score of one's own above another phone's is deleted, and its page comes once more: the user is asked."""
    one, other, shot = two_with_a_shot(new_phone, server)
    one.book.change("shot", shot, {"count": 6})
    other.book.change("shot", shot, {"count": 7})
    sync_all(server, other)
    one.engine._pull(SyncOutcome())
    one.book.delete("shot", shot)
    server.restore(server.snapshot(), "epoch-2")
    (outcome,) = sync_all(server, one)
    assert (outcome.full_pulls, outcome.held_in_all) == (1, 1)
    assert server.live()["shot", shot]["count"] == 7


def test_a_batch_under_way_at_a_restore_goes_out_anew(phone: Phone, network: Between, server: ModelServer) -> None:
    """A patch that was sent, its reply lost, and its entry lost with a restore, becomes a new entry."""
    phone.book.add("ball", "b1", name="x")
    backup = server.snapshot()
    sync_all(server, phone)
    phone.book.change("ball", "b1", {"colour": "red"})
    lose_reply(phone, network)
    phone.book.change("ball", "b1", {"weight_lb": 15})
    server.restore(backup, "epoch-2")
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent) == (0, 0)
    assert server.live() == {("ball", "b1"): {"name": "x", "colour": "red", "weight_lb": 15}} == phone.shown()


def test_a_version_that_came_back_lower_is_taken(new_phone: NewPhone, server: ModelServer) -> None:
    """A restored entry has a lower version than the phone's, and its content counts all the same."""
    one = new_phone()
    one.book.add("ball", "b1", name="x")
    sync_all(server, one)
    backup = server.snapshot()
    for colour in ("red", "blue"):
        one.book.change("ball", "b1", {"colour": colour})
        sync_all(server, one)
    server.restore(backup, "epoch-2")
    sync_all(server, one)
    assert one.shown() == server.live() == {("ball", "b1"): {"name": "x"}}


def test_a_cursor_older_than_the_tombstones_pulls_everything(new_phone: NewPhone, server: ModelServer) -> None:
    """A phone that was away too long learns what was deleted meanwhile although no tombstone tells it."""
    one, away = new_phone(), new_phone()
    for at in range(20):
        one.book.add("ball", f"b{at:02}", name="x")
    sync_all(server, one, away)
    one.book.delete("ball", "b07")
    sync_all(server, one)
    server.forget_tombstones()
    away.book.add("ball", "new", name="unsent")
    (outcome, _) = sync_all(server, away, one)
    assert outcome.full_pulls == 1
    assert away.shown() == one.shown() == server.live()
    assert len(server.live()) == 20


def test_a_pull_of_everything_goes_on_where_it_was_broken_off(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """Broken off in the middle, it neither begins anew nor removes what it has not come to yet."""
    for at in range(20):
        phone.book.add("ball", f"b{at:02}", name="x")
    sync_all(server, phone)
    server.forget_tombstones()
    pages: list[PullReply] = []

    def break_off(reply: PullReply) -> PullReply:
        pages.append(reply)
        return lose(reply) if len(pages) == 3 else reply

    network.on_page = break_off
    server.now_s += 60
    with pytest.raises(NetworkError):
        phone.sync()
    assert len(phone.shown()) == 20
    (outcome,) = sync_all(server, phone)
    assert (outcome.full_pulls, outcome.is_same) == (0, True)
    assert phone.shown() == server.live()


def test_a_cursor_that_the_server_cannot_read_pulls_everything(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """A 400 for a cursor, as of another version of the server, is no dead end; one without a cursor is told."""
    phone.book.add("ball", "b1", name="x")
    sync_all(server, phone, phone)

    def refuse_cursors(reply: PullReply) -> PullReply:
        if network.cursors[-1] is not None:
            raise problem(400, "invalid-query")
        return reply

    def refuse(_: PullReply) -> PullReply:
        raise problem(400, "invalid-query")

    network.on_page = refuse_cursors
    (outcome,) = sync_all(server, phone)
    assert (outcome.full_pulls, outcome.is_same) == (1, True)
    network.on_page = refuse
    with pytest.raises(ProblemError):
        phone.sync()


def test_a_checksum_that_differs_pulls_everything_once(phone: Phone, network: Between, server: ModelServer) -> None:
    """What was lost on the phone comes back; one that stays is told, and costs no second pull of everything."""
    for at in range(3):
        phone.book.add("ball", f"b{at}", name="x")
    sync_all(server, phone, phone)
    with phone.database.transaction() as db:
        db.execute("DELETE FROM entry WHERE id = 'b1'")
    (outcome,) = sync_all(server, phone)
    assert (outcome.full_pulls, outcome.is_same) == (1, True)
    assert phone.shown() == server.live()
    network.on_page = lambda reply: msgspec.structs.replace(reply, count=99)
    first, second = sync_all(server, phone, phone)
    assert (first.full_pulls, first.is_same) == (1, False)
    assert (second.full_pulls, second.is_same) == (0, False)
    network.on_page = lambda reply: msgspec.structs.replace(reply, checksum="0" * 16)
    assert sync_all(server, phone)[0].full_pulls == 1


def test_the_checksum_is_that_of_the_protocol(phone: Phone, network: Between) -> None:
    """First 16 hex digits of SHA-256 over `id:ver`, sorted by id, a line each, captures and unknown types too."""
    changes = (
        ServerEntry("b", "ball", 2, fields={"name": "x"}),
        ServerEntry("a", "capture", 7, fields={"serial": "SD-1", "metrics": {"rev_rate": {"value": 1.5}}}),
        ServerEntry("c", "trophy", 1, fields={"made_of": "gold"}),
        ServerEntry("d", "ball", 3, deleted=True),
    )
    digest = hashlib.sha256(b"a:7\nb:2\nc:1").hexdigest()[:16]
    network.on_page = lambda _: PullReply(changes, cursor="c", count=3, checksum=digest)
    outcome = phone.sync()
    assert (outcome.is_same, outcome.full_pulls) == (True, 0)
    found = phone.book.get("capture", "a")
    assert found is not None
    assert found.fields == {"serial": "SD-1", "metrics": {"rev_rate": {"value": 1.5}}}


def test_what_a_newer_server_writes_is_kept(phone: Phone, network: Between) -> None:
    """Fields without a column, and values that no column takes, are shown as they came, and stay at an edit."""
    fields = {"name": "x", "weight_lb": 15, "glow": {"on": [1, None]}, "colour": 7}
    network.on_page = lambda _: PullReply((ServerEntry("b1", "ball", 1, fields=fields),), cursor=None)
    phone.sync()
    phone.book.change("ball", "b1", {"weight_lb": 14.5})
    assert phone.shown() == {("ball", "b1"): {**fields, "weight_lb": 14.5}}


def test_of_two_programs_on_one_phone_the_late_one_does_no_harm(
    phone: Phone, network: Between, server: ModelServer, new_phone: NewPhone
) -> None:
    """A page and a reply that arrive after another process has gone on are thrown away."""
    other = new_phone()
    for at in range(20):
        other.book.add("ball", f"b{at:02}", name="x")
    sync_all(server, other)
    phone.book.add("ball", "mine", name="y")
    is_inside = False

    def overtake(reply: PullReply) -> PullReply:
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            server.now_s += 60
            phone.sync()
        return reply

    network.on_page = overtake
    server.now_s += 60
    phone.sync()
    assert phone.shown() == server.live()
    assert len(server.live()) == 21


def test_an_edit_in_a_batch_that_goes_out_anew_passes_over_nothing(
    new_phone: NewPhone, network: Between, server: ModelServer
) -> None:
    """A score that was never received counts from version 2, which after a restore is another phone's score."""
    one, other = new_phone(), new_phone()
    session = one.book.add("session", started_at="2026-11-24T18:00:00Z")
    shot = one.book.add("shot", session_id=session, shot_number=2, count=8)
    sync_all(server, one, other)
    backup = server.snapshot()
    one.book.add("ball", "b1", name="x")
    one.book.change("shot", shot, {"board": 17})
    sync_all(server, one)
    one.book.change("ball", "b1", {"colour": "red"})
    one.book.change("shot", shot, {"count": 6})
    lose_push(one, network)
    server.restore(backup, "epoch-2")
    other.book.change("shot", shot, {"count": 7})
    (_, outcome) = sync_all(server, other, one)
    assert (outcome.full_pulls, outcome.held_in_all) == (1, 1)
    assert server.live()["shot", shot]["count"] == 7 == one.shown()["shot", shot]["count"]
