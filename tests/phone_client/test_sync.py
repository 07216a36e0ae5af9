"""A phone and its server: what is sent, what a reply acknowledges, what a pull brings, and what the user decides."""

import pytest

from phone_client import (
    LoginNeededError,
    NetworkError,
    ProblemError,
    ReplyLostError,
    ServerTroubleError,
    UsageError,
    WrongAnswerError,
)
from phone_client.model import Problem
from phone_client.sync import PullReply, PushBatch, PushReply, PushResult, ServerEntry, SyncEngine
from tests.phone_client.phones import Phone
from tests.phone_client.sync_model import ModelServer, problem
from tests.phone_client.sync_network import Between, NewPhone, add_shot, lose, sync_all


def test_parents_go_out_before_their_children(phone: Phone, network: Between, server: ModelServer) -> None:
    """A shot that was written before its game, and a game before its session, all arrive with one batch."""
    phone.book.add("shot", session_id="s1", game_id="g1", frame_number=1, shot_number=1, count=3)
    phone.book.add("game", "g1", session_id="s1", game_number=1)
    phone.book.add("session", "s1", started_at="2026-11-24T18:00:00Z")
    (outcome,) = sync_all(server, phone)
    assert [change.type for change in network.batches[0].changes] == ["session", "game", "shot"]
    assert (outcome.pushed, outcome.held, outcome.unsent) == (3, 0, 0)
    assert phone.shown() == server.live()


def test_what_is_edited_while_a_batch_is_on_its_way_is_sent_next(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """A reply acknowledges what was in its batch; an edit made meanwhile stays, and follows as one of the new one."""
    ball = phone.book.add("ball", name="Phaze II")
    edits = iter(({"colour": "red"}, {"colour": "blue"}))
    network.on_push = lambda _: phone.book.change("ball", ball, next(edits, {}))
    (outcome,) = sync_all(server, phone)
    told = [(change.op, change.base_ver, change.fields) for batch in network.batches for change in batch.changes]
    assert told == [
        ("put", 0, {"name": "Phaze II"}),
        ("patch", 1, {"colour": "red"}),
        ("patch", 2, {"colour": "blue"}),
    ]
    assert outcome.unsent == 0
    assert phone.shown() == server.live()


def test_what_is_deleted_while_a_batch_is_on_its_way_is_deleted_next(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """An entry that the user deletes while its first version is being sent does not stay on the server."""
    ball = phone.book.add("ball", name="Phaze II")

    def delete_once(batch: PushBatch) -> None:
        if batch.changes[0].op == "put":
            phone.book.delete("ball", ball)

    network.on_push = delete_once
    sync_all(server, phone)
    assert phone.shown() == server.live() == {}


def test_a_batch_whose_reply_was_lost_is_sent_again_as_it_was(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """The same id with the same content, although the user edited meanwhile; and the server counts it once."""
    ball = phone.book.add("ball", name="Phaze II")
    network.on_reply = lose
    for colour in ("red", "blue"):
        with pytest.raises(NetworkError):
            phone.sync()
        phone.book.change("ball", ball, {"colour": colour})
    network.on_reply = lambda reply: reply
    sync_all(server, phone)
    first, again, third, *later = network.batches
    assert first == again == third
    assert [change.fields for batch in later for change in batch.changes] == [{"colour": "blue"}]
    assert server.live() == {("ball", ball): {"name": "Phaze II", "colour": "blue"}} == phone.shown()


def test_a_pull_goes_under_what_is_unsent(new_phone: NewPhone, server: ModelServer) -> None:
    """A version of another phone changes what the user did not touch; the user's own edit stays over it, unsent."""
    one, other = new_phone(), new_phone()
    shot = add_shot(one, shot_number=1, count=8)
    sync_all(server, one, other)
    other.book.change("shot", shot, {"board": 17.5, "comment": "theirs"})
    sync_all(server, other)
    one.book.change("shot", shot, {"comment": "mine"})
    server.problems = [problem(403, "closed")]
    with pytest.raises(ProblemError):
        sync_all(server, one)
    found = one.book.get("shot", shot)
    assert found is not None
    assert (found.fields["board"], found.fields["comment"], found.is_unsent) == (17.5, "mine", True)
    sync_all(server, one, other)
    assert one.shown() == other.shown() == server.live()


def test_a_batch_that_is_too_large_is_cut_until_it_fits(phone: Phone, network: Between, server: ModelServer) -> None:
    """Every 413 halves the batch; all arrives, and what was learnt lasts only until it fits again."""

    def refuse_large(batch: PushBatch) -> None:
        if len(batch.changes) > 3:
            raise problem(413, "too-large")

    network.on_push = refuse_large
    for at in range(10):
        phone.book.add("ball", name=f"ball {at}")
    (outcome,) = sync_all(server, phone)
    assert (outcome.pushed, outcome.unsent) == (10, 0)
    assert len({batch.batch_id for batch in network.batches}) == len(network.batches)
    assert phone.shown() == server.live()


def test_one_change_that_the_server_cannot_read_holds_up_no_other(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """A batch that is refused whole is cut until the change at fault stands alone, and that one is kept."""

    def refuse_bad(batch: PushBatch) -> None:
        if any(change.id == "bad" for change in batch.changes):
            raise problem(400, "invalid")

    network.on_push = refuse_bad
    for at in (*range(6), "bad", *range(6, 9)):
        phone.book.add("ball", str(at), name="x")
    (outcome,) = sync_all(server, phone)
    assert (outcome.pushed, outcome.held_in_all, outcome.unsent) == (9, 1, 0)
    (held,) = phone.decisions.every()
    assert (held.mine.id, held.mine.problem["status"]) == ("bad", 400)


def test_a_batch_id_that_is_used_is_replaced_a_few_times(phone: Phone, server: ModelServer) -> None:
    """A 409 makes the same changes go out under another id; one that does not end is the user's to see."""
    phone.book.add("ball", "b1", name="x")
    server.problems = [problem(409, "batch-changed")]
    sync_all(server, phone)
    assert ("ball", "b1") in server.live()
    phone.book.add("ball", "b2", name="x")
    server.problems = [problem(409, "closed") for _ in range(10)]
    with pytest.raises(ProblemError, match="It is closed"):
        phone.sync()
    assert phone.book.unsent() == 1


def test_a_server_that_refuses_without_a_reason_ends_the_sync(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """A conflict in which nothing is contested is tried again as a change of the server's version, and not for ever."""
    phone.book.add("ball", "b1", name="x")
    sync_all(server, phone)
    phone.book.change("ball", "b1", {"colour": "red"})
    row = ServerEntry("b1", "ball", 1, fields={"name": "x"})
    network.on_reply = lambda _: PushReply((PushResult("b1", "ball", "conflict", 1, row),))
    (outcome,) = sync_all(server, phone)
    assert (outcome.held_in_all, outcome.unsent) == (0, 1)
    assert len(network.batches) < 30


@pytest.mark.parametrize(
    "error",
    [ServerTroubleError(Problem("Busy.", 503), 7.0), LoginNeededError("Log in."), problem(403, "forbidden")],
)
def test_trouble_loses_nothing_and_is_told(
    phone: Phone, network: Between, server: ModelServer, error: Exception
) -> None:
    """What cannot be sent now stays as it is, and the reason reaches whoever asked for the sync."""

    def fail(_: PushBatch) -> None:
        raise error

    network.on_push = fail
    phone.book.add("ball", "b1", name="x")
    with pytest.raises(type(error)):
        phone.sync()
    network.on_push = lambda _: None
    (outcome,) = sync_all(server, phone)
    assert outcome.pushed == 1
    assert network.batches[0] == network.batches[1]


def test_a_reply_that_leaves_a_change_out_acknowledges_nothing(
    phone: Phone, network: Between, server: ModelServer
) -> None:
    """A reply with too few results, or a status that nobody knows, changes nothing here; the batch is sent again."""
    phone.book.add("ball", "b1", name="x")
    phone.book.add("ball", "b2", name="x")
    network.on_reply = lambda reply: PushReply(reply.results[:1])
    with pytest.raises(WrongAnswerError, match="ball b2"):
        phone.sync()
    assert phone.book.unsent() == 2
    network.on_reply = lambda reply: reply
    sync_all(server, phone)
    assert phone.book.unsent() == 0


def test_a_phone_belongs_to_one_account(phone: Phone, network: Between) -> None:
    """Another user's login on the same phone sends nothing and pulls nothing."""
    phone.sync()
    phone.book.add("ball", "b1", name="x")
    asked = len(network.cursors)
    with pytest.raises(UsageError, match=r"another user \(ada at the model\)"):
        SyncEngine(phone.database, network, "eve at the model").sync()
    assert (len(network.cursors), network.batches) == (asked, [])


def test_a_page_and_its_cursor_are_one(
    phone: Phone, network: Between, server: ModelServer, new_phone: NewPhone
) -> None:
    """Broken off after a page, the next sync asks for what follows it, and no page twice."""
    other = new_phone()
    for at in range(20):
        other.book.add("ball", f"b{at:02}", name="x")
    sync_all(server, other)
    pages: list[PullReply] = []

    def break_off(reply: PullReply) -> PullReply:
        pages.append(reply)
        if len(pages) == 2:
            raise ReplyLostError("No reply came.")
        return reply

    network.on_page = break_off
    server.now_s += 60
    with pytest.raises(NetworkError):
        phone.sync()
    assert len(phone.shown()) == 7
    sync_all(server, phone)
    assert phone.shown() == server.live()
    assert network.cursors[1] == network.cursors[2] != network.cursors[0]


def test_a_feed_that_leads_nowhere_ends_in_an_error(phone: Phone, network: Between) -> None:
    """A server that says there is more, and gives nothing or the same again, is not asked for ever."""
    network.on_page = lambda _: PullReply((), cursor=network.cursors[-1], more=True)
    with pytest.raises(WrongAnswerError, match="leads back to itself"):
        phone.sync()
    page = (ServerEntry("b1", "ball", 1, fields={"name": "x"}),)
    network.on_page = lambda _: PullReply(page, cursor=network.cursors[-1], more=True)
    with pytest.raises(WrongAnswerError, match="leads back to itself"):
        phone.sync()
    network.on_page = lambda _: PullReply((), cursor="epoch-1/1/1", more=True, reset=True)
    with pytest.raises(WrongAnswerError, match="over and over"):
        phone.sync()
