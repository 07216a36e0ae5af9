"""Games as `tenpin` scores them: the same numbers as the server's, without a network."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tenpin
from phone_client.scorebook.notation import WrittenShot
from phone_client.scorebook.reading import Entry

if TYPE_CHECKING:
    from phone_client.scorebook.book import Scorebook


@dataclass(frozen=True, slots=True)
class Game:
    """A game with its score.

    Attributes:
        entry: The game's entry.
        session: Its session's entry; None when it is not here.
        shots: Its shots' entries, in the order of frames.
        score: What they score.
    """

    entry: Entry
    session: Entry | None
    shots: list[Entry]
    score: tenpin.GameScore

    @property
    def entered_score(self) -> int | None:
        """The total that was typed in, where it counts: without shots."""
        return None if self.shots else self.entry.fields.get("entered_score")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which games and shots are asked for.

    Attributes:
        begin: Sessions from this day on, such as `2026-11-01`.
        end: Sessions up to this day, it included.
        event_id: Those of an event.
        session_id: One session.
        ball_id: What one ball did.
    """

    begin: str | None = None
    end: str | None = None
    event_id: str | None = None
    session_id: str | None = None
    ball_id: str | None = None

    def takes(self, session: Entry) -> bool:
        """Whether a session is asked for; its day is the one where it was."""
        day = str(session.fields.get("started_at", ""))[:10]
        return (
            (self.begin is None or day >= self.begin)
            and (self.end is None or day <= self.end)
            and (self.event_id is None or session.fields.get("event_id") == self.event_id)
            and (self.session_id is None or session.id == self.session_id)
        )


def read_game(book: "Scorebook", entry: Entry) -> Game:
    """Return a game with its score."""
    shots = book.every("shot", ("frame_number", "shot_number"), game_id=entry.id)
    session_id = entry.fields.get("session_id")
    session = book.get("session", session_id) if session_id else None
    return Game(entry, session, shots, tenpin.score_shots(map(bowled, shots)))


def statistics(book: "Scorebook", wanted: Wanted) -> tenpin.Statistics:
    """Return the statistics of some games and practice shots."""
    sessions = [session.id for session in book.every("session") if wanted.takes(session)]
    return tenpin.statistics(_games(book, sessions), _practice(book, sessions), wanted.ball_id)


def _games(book: "Scorebook", sessions: Iterable[str]) -> Iterator[tenpin.GameOfShots]:
    for session_id in sessions:
        for game in book.every("game", session_id=session_id):
            shots = [bowled(shot) for shot in book.every("shot", game_id=game.id)]
            yield tenpin.GameOfShots(shots, game.fields.get("entered_score"))


def _practice(book: "Scorebook", sessions: Iterable[str]) -> Iterator[tenpin.BowledShot]:
    for session_id in sessions:
        for shot in book.every("shot", session_id=session_id):
            if "game_id" not in shot.fields:
                yield bowled(shot)


def bowled(shot: Entry) -> tenpin.BowledShot:
    """Return a shot as `tenpin` reads it."""
    fields = shot.fields
    noted = tenpin.Shot(fields.get("pins_standing"), fields.get("count"), bool(fields.get("foul", False)))
    place = fields.get("frame_number"), fields.get("shot_number", 1)
    return tenpin.BowledShot(*place, noted, fields.get("position"), fields.get("ball_id"))


def written(shot: Entry) -> WrittenShot:
    """Return a shot of a game as the notation has it."""
    fields = shot.fields
    place = fields.get("frame_number", 1), fields.get("shot_number", 1)
    return WrittenShot(*place, fields.get("count"), fields.get("pins_standing"), bool(fields.get("foul", False)))
