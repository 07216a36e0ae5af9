"""The commands that add, correct and delete the shots of a game."""

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from phone_client.cli.printing import print_result
from phone_client.cli.score_sheet import score_sheet
from phone_client.cli.scorebook_commands import SHORTEST_END, chosen_game, edited
from phone_client.client import ApiClient
from phone_client.errors import ExitCode, UsageError
from phone_client.scorebook import Entry, Scorebook
from phone_client.scorebook.notation import Place, WrittenShot, noted_position, read_shots
from phone_client.scorebook.scores import Game, read_game, written

_NOTES = ("pins_standing", "count", "foul")


def shot(_: ApiClient, options: Namespace) -> ExitCode:
    """Add shots to a game, correct one, or delete one."""
    act = {"add": _add, "set": _set, "delete": _delete}[options.action]
    with edited(options) as book:
        found = read_game(book, chosen_game(book, options.game))
        ids = act(book, found, options)
        found = read_game(book, found.entry)
    return print_result(options, {"ids": ids, "score": found.score.score}, score_sheet(found))


def _add(book: Scorebook, found: Game, options: Namespace) -> list[str]:
    shots = read_shots(options.shots, Place(map(written, found.shots)))
    noted = {
        "ball_id": options.ball,
        "position": options.position and noted_position(options.position),
        "board": options.board,
        "speed_mph": options.speed_mph,
        "comment": options.comment,
    }
    place = {"session_id": found.entry.fields["session_id"], "game_id": found.entry.id}
    # All or none: half of what was typed would be hard to find.
    return book.add_all([("shot", None, {**place, **_fields(each), **noted}) for each in shots])


def _fields(shot: WrittenShot) -> dict[str, Any]:
    return {name: value for name, value in asdict(shot).items() if name != "foul" or value}


def _set(book: Scorebook, found: Game, options: Namespace) -> list[str]:
    """Correct what one shot did; what was noted beside it stays."""
    wrong = _chosen_shot(found.shots, options.shot)
    at = _at(wrong)
    place = Place(written(each) for each in found.shots if _at(each) < at)
    if (place.frame_number, place.shot_number) != at:
        raise UsageError(
            f"Shot {_place_text(wrong)} cannot be read where it stands, for a shot before it is missing or wrong: "
            "correct that first, or delete this one. Nothing was written."
        )
    shots = read_shots([options.sign], place)
    if len(shots) != 1:
        raise UsageError(f"{options.sign} is more than one shot, and one is corrected at a time. Nothing was written.")
    fields = _fields(shots[0])
    book.change("shot", wrong.id, {name: fields.get(name) for name in _NOTES})
    return [wrong.id]


def _delete(book: Scorebook, found: Game, options: Namespace) -> list[str]:
    wrong = _chosen_shot(found.shots, options.shot)
    book.delete("shot", wrong.id)
    return [wrong.id]


def _chosen_shot(shots: Sequence[Entry], text: str) -> Entry:
    """Return the shot at a place such as 7.2, or of an id's end where two stand at one place."""
    if re.fullmatch(r"\d+\.\d+", text, re.ASCII):
        chosen = [each for each in shots if _place_text(each) == text]
    else:
        chosen = [each for each in shots if len(text) >= SHORTEST_END and each.id.endswith(text)]
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise UsageError(f"The game has no shot {text}: a frame and a shot such as 7.2. Nothing was written.")
    told = ", ".join(f"{each.id} ({_noted(each)})" for each in chosen)
    raise UsageError(f"There are {len(chosen)} shots {text}: {told}. Give the id of one. Nothing was written.")


def _at(shot: Entry) -> tuple[int, int]:
    return shot.fields.get("frame_number", 0), shot.fields.get("shot_number", 0)


def _place_text(shot: Entry) -> str:
    frame_number, shot_number = _at(shot)
    return f"{frame_number}.{shot_number}"


def _noted(shot: Entry) -> str:
    return ", ".join(f"{name} {shot.fields[name]}" for name in _NOTES if name in shot.fields)
