"""Games, syncs and conflicts as plain text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from phone_client.cli.tables import fact_lines, table
from phone_client.database import Fields
from phone_client.sync import Held, SyncOutcome

if TYPE_CHECKING:
    from phone_client.scorebook.scores import Game

_REASONS = {
    "conflict": "changed on another phone too",
    "deleted": "deleted on another phone; `keep` makes it anew",
    "rejected": "the server cannot keep this",
}


def game_table(games: Sequence["Game"]) -> str:
    """Return games, a line each."""
    if not games:
        return "There are no games on this phone yet. Next: game add"
    return table(("WHEN", "GAME", "SCORE", "", "SYNCED", "ID"), map(_game_row, games))


def _game_row(game: "Game") -> tuple[str, ...]:
    when = str(game.session.fields.get("started_at", "-"))[:16].replace("T", " ") if game.session else "-"
    score, remark = _score(game)
    is_unsent = game.entry.is_unsent or any(shot.is_unsent for shot in game.shots)
    number = str(game.entry.fields.get("game_number", "-"))
    return when, number, score, remark, "no" if is_unsent else "yes", game.entry.id


def _score(game: "Game") -> tuple[str, str]:
    if game.entered_score is not None:
        return str(game.entered_score), "entered"
    if game.score.problems:
        return "-", "problems"
    if game.score.is_complete:
        return str(game.score.score), ""
    return str(game.score.score or 0), f"at most {game.score.maximum}"


def outcome_text(outcome: SyncOutcome) -> str:
    """Return what a sync did, for a person."""
    lines = [f"Synced: {outcome.pushed} sent, {outcome.pulled} received, {outcome.unsent} still to send."]
    if outcome.full_pulls:
        lines.append("Everything was pulled anew; what was unsent is kept.")
    if outcome.removed:
        entries = "1 entry" if outcome.removed == 1 else f"{outcome.removed} entries"
        lines.append(
            f"The server no longer has {entries} that this phone had from it: removed here too. Deleted on another "
            "phone while this one was away for long, or lost when the server went back to a backup."
        )
    if outcome.held_in_all:
        waits = "waits" if outcome.held_in_all == 1 else "wait"
        lines.append(f"{outcome.held_in_all} of your changes {waits} for your decision. Next: conflicts")
    if not outcome.is_same:
        lines.append("The server counts other entries than this phone has. Nothing is lost; sync again later.")
    return "\n".join(lines)


def conflict_list(held: Sequence[Held]) -> str:
    """Return what waits for the user's decision, with both sides."""
    if not held:
        return "Nothing waits for your decision."
    return "\n\n".join(map(_conflict, held))


def _conflict(held: Held) -> str:
    mine = held.mine
    wanted = "delete it" if mine.op == "delete" else _fields_text(mine.fields)
    theirs = "it is not there" if held.theirs is None else _fields_text(_same_fields(held))
    problem = _problem(mine.problem)
    return fact_lines(
        [
            (str(mine.number), f"{mine.type} {mine.id}: {_REASONS[mine.reason]}"),
            ("mine", f"{wanted}  ({mine.edited_at})"),
            ("theirs", theirs),
            *((("why", problem),) if problem else ()),
        ]
    )


def _same_fields(held: Held) -> Fields:
    there = held.theirs or {}
    return {name: there.get(name) for name in held.mine.fields} if held.mine.fields else there


def _fields_text(fields: Fields) -> str:
    return ", ".join(f"{name} = {'nothing' if value is None else repr(value)}" for name, value in fields.items())


def _problem(problem: Fields) -> str:
    errors = problem.get("errors") or ()
    told = [f"{error.get('path', '')}: {error.get('detail', '')}" for error in errors]
    return "; ".join(told) or str(problem.get("detail") or problem.get("title") or "")
