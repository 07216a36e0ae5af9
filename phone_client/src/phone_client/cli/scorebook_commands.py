"""The commands of the scorebook: all but `sync` are on this phone alone and need no network."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from phone_client.cli.assignments import typed_fields
from phone_client.cli.printing import print_result
from phone_client.cli.score_sheet import score_sheet
from phone_client.cli.scorebook_tables import game_table, outcome_text
from phone_client.cli.statistics_table import statistics_table
from phone_client.client import ApiClient
from phone_client.database import Database
from phone_client.errors import ExitCode, LoginNeededError, UsageError
from phone_client.scorebook import Entry, Scorebook
from phone_client.scorebook.scores import Wanted, read_game, statistics
from phone_client.sync import SyncEngine

LAST = "last"
SHORTEST_END = 4
Result = tuple[dict[str, Any], str]
"""What an edit tells a program, and a person."""


@contextmanager
def opened(options: Namespace) -> Iterator[Scorebook]:
    """Give the scorebook of this phone."""
    with Database(Path(options.scorebook)) as database:
        yield Scorebook(database)


@contextmanager
def edited(options: Namespace) -> Iterator[Scorebook]:
    """Give the scorebook for one edit: what another terminal writes comes before all of it, or after."""
    with Database(Path(options.scorebook)) as database, database.transaction():
        yield Scorebook(database)


def sync(client: ApiClient, options: Namespace) -> ExitCode:
    """Sync once."""
    if client.username is None:
        raise LoginNeededError(f"Nobody is logged in to {client.api_url}. What you wrote is kept here; log in first.")
    # Before the account is asked for: should another user log in between the two, nothing is sent.
    transport = client.sync
    # The id, for a user may be renamed.
    account = f"{client.account.profile().id} at {client.api_url}"
    with Database(Path(options.scorebook)) as database:
        outcome = SyncEngine(database, transport, account).sync()
    return print_result(options, asdict(outcome), outcome_text(outcome))


def game(_: ApiClient, options: Namespace) -> ExitCode:
    """Add, change or delete a game."""
    act = {"add": _add_game, "set": _set_game, "delete": _delete_game}[options.action]
    with edited(options) as book:
        told, text = act(book, options)
    # Only now it is on the disk.
    return print_result(options, told, text)


def _delete_game(book: Scorebook, options: Namespace) -> Result:
    entry = chosen_game(book, options.game)
    book.delete("game", entry.id)
    return {"id": entry.id}, "The game is deleted on this phone; the next sync deletes it everywhere."


def _set_game(book: Scorebook, options: Namespace) -> Result:
    entry = chosen_game(book, options.game)
    book.change("game", entry.id, typed_fields("game", options.fields))
    found = read_game(book, chosen_game(book, entry.id))
    return {"id": entry.id, "fields": found.entry.fields}, score_sheet(found)


def _add_game(book: Scorebook, options: Namespace) -> Result:
    session_id = _session(book, options)
    number = options.number or 1 + max(
        (each.fields["game_number"] for each in book.every("game", session_id=session_id)), default=0
    )
    given = {"entered_score": options.score, "starting_lane": options.lane, "comment": options.comment}
    game_id = book.add("game", session_id=session_id, game_number=number, **given)
    told = {"id": game_id, "session_id": session_id, "game_number": number}
    return told, f"Game {number} is on this phone: {game_id}\nNext: shot add last X 9/ 8-"


def _session(book: Scorebook, options: Namespace) -> str:
    if options.session:
        return _one_of(book.every("session"), options.session, "session").id
    now = _moment(options.at)
    if not options.new_session and options.at is None:
        today = [each for each in book.every("session") if each.fields["started_at"][:10] == now[:10]]
        if today:
            return max(today, key=lambda session: (session.fields["started_at"], session.id)).id
    return book.add("session", started_at=now)


def _moment(text: str | None) -> str:
    try:
        moment = datetime.now() if text is None else datetime.fromisoformat(text)  # noqa: DTZ005 - made local below
        # Without an offset it is meant by this machine's clock, which does not reach the first and the last year.
        return moment.astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text} is no time such as 2026-11-24T18:00. Nothing was written.") from error


def games(_: ApiClient, options: Namespace) -> ExitCode:
    """List the games."""
    with opened(options) as book:
        found = [read_game(book, entry) for entry in _newest_first(book)]
    told = [
        {"id": each.entry.id, **each.entry.fields, "score": each.score.score, "is_complete": each.score.is_complete}
        for each in found
    ]
    return print_result(options, told, game_table(found))


def show(_: ApiClient, options: Namespace) -> ExitCode:
    """Show a game as a score sheet."""
    with opened(options) as book:
        found = read_game(book, chosen_game(book, options.game))
    told = {"id": found.entry.id, "fields": found.entry.fields, "entered": found.entered_score, **_plain(found.score)}
    return print_result(options, told, score_sheet(found))


def _plain(value: Any) -> Any:
    """Return named tuples as objects of JSON."""
    if hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def show_statistics(_: ApiClient, options: Namespace) -> ExitCode:
    """Show the figures of some sessions."""
    with opened(options) as book:
        # A mistyped session would be answered with figures of nothing.
        session = options.session and _one_of(book.every("session"), options.session, "session").id
        wanted = Wanted(options.begin, options.end, options.event, session, options.ball)
        found = statistics(book, wanted)
    return print_result(options, found, statistics_table(found))


def chosen_game(book: Scorebook, text: str) -> Entry:
    """Return the game of an id, an id's end, or `last`."""
    if text == LAST:
        found = _newest_first(book)
        if not found:
            raise UsageError("There is no game on this phone. Add one first: game add")
        return found[0]
    return _one_of(book.every("game"), text, "game")


def _newest_first(book: Scorebook) -> list[Entry]:
    """Return the games by their sessions, newest first, and by their numbers, last first."""
    began = {session.id: session.fields.get("started_at", "") for session in book.every("session")}

    def place(entry: Entry) -> tuple[float, int, str]:
        text = began.get(entry.fields.get("session_id", ""), "")
        return _seconds(text), entry.fields.get("game_number", 0), entry.id

    return sorted(book.every("game"), key=place, reverse=True)


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _one_of(entries: list[Entry], text: str, what: str) -> Entry:
    found = [entry for entry in entries if entry.id == text] or [
        entry for entry in entries if len(text) >= SHORTEST_END and entry.id.endswith(text)
    ]
    if len(found) != 1:
        there = f"There is no {what} {text}" if not found else f"There are {len(found)} {what}s whose id ends in {text}"
        lists = "`games` lists them" if what == "game" else "`--json games` tells each game's session_id"
        raise UsageError(f"{there} on this phone. {lists}; give more of its id.")
    return found[0]


SCOREBOOK_COMMANDS: dict[str, Callable[[ApiClient, Namespace], ExitCode]] = {
    "sync": sync,
    "game": game,
    "games": games,
    "show": show,
    "statistics": show_statistics,
}
