"""The arguments of the scorebook's commands."""

import argparse
from datetime import date
from typing import TYPE_CHECKING

from phone_client.cli.command_parser import add_command, positive

if TYPE_CHECKING:
    from phone_client.cli.command_parser import Commands

_GAME = "the game's id, its end, or `last`"


def add_scorebook_commands(commands: "Commands") -> None:
    """Add the commands of the scorebook on this phone."""
    add_command(
        commands,
        "sync",
        "bring this phone's scorebook and the server's together",
        "sync\n--home phone-1 sync\n--home phone-2 sync        # another folder is another phone",
    )
    _add_game(commands)
    _add_shot(commands)
    add_command(commands, "games", "list the games on this phone, newest first", "games")
    show = add_command(
        commands, "show", "show a game as a score sheet", "show last\nshow 5f2c1a        # the end of its id is enough"
    )
    show.add_argument("game", metavar="GAME", help=_GAME)
    _add_statistics(commands)
    _add_conflicts(commands)
    _add_import(commands)


def _add_game(commands: "Commands") -> None:
    game = add_command(
        commands, "game", "add, change or delete a game", "game add\ngame add --score 187 --comment 'Tuesday league'"
    )
    actions = game.add_subparsers(dest="action", metavar="ACTION", required=True, help="add, set or delete")
    add = add_command(
        actions,
        "add",
        "add a game, to the last session of today or to a new one",
        "game add\ngame add --new-session\ngame add --score 187          # a total, without shots",
    )
    add.add_argument("--session", metavar="ID", help="the session that it belongs to")
    add.add_argument("--new-session", action="store_true", help="begin another session")
    add.add_argument("--at", metavar="TIME", help="when a new session began, such as 2026-11-24T18:00; default: now")
    add.add_argument("--number", type=positive, metavar="N", help="its number in the session; default: the next one")
    add.add_argument("--score", type=_score, metavar="SCORE", help="its total, where no shots are noted")
    add.add_argument("--lane", type=positive, metavar="N", help="the lane that it began on")
    add.add_argument("--comment", metavar="TEXT", help="what you note about it")
    change = add_command(
        actions,
        "set",
        "change what a game says of itself",
        "game set last entered_score=191\ngame set last won=true 'comment=new ball'\ngame set last comment=null",
    )
    change.add_argument("game", metavar="GAME", help=_GAME)
    change.add_argument("fields", metavar="FIELD=VALUE", nargs="+", help="the value is JSON or a text; null clears it")
    delete = add_command(actions, "delete", "delete a game and its shots", "game delete last")
    delete.add_argument("game", metavar="GAME", help=_GAME)


def _add_shot(commands: "Commands") -> None:
    shot = add_command(
        commands,
        "shot",
        "add, correct or delete shots of a game",
        "shot add last X 9/ 8-\nshot set last 7.2 /\nshot delete last 7.2",
    )
    actions = shot.add_subparsers(dest="action", metavar="ACTION", required=True, help="add, set or delete")
    _add_shot_changes(actions)
    add = add_command(
        actions,
        "add",
        "add shots to a game, after those that it has",
        "shot add last X 9/ 8- 72 F5     # frame by frame, or ball by ball\n"
        "shot add last @7,10 /           # the pins that were left, bit by bit\n"
        "shot add last @7,10/ @          # @ alone: none were left\n"
        "shot add last 9 --position pocket --board 17.5\n"
        "shot add last -- -9             # after -- a dash may come first",
    )
    add.add_argument("game", metavar="GAME", help=_GAME)
    add.add_argument("shots", metavar="SHOT", nargs="+", help="X, /, -, F, a count, or @ and the pins that were left")
    add.add_argument("--ball", metavar="ID", help="the ball that was thrown")
    add.add_argument("--position", metavar="WHERE", help="where it hit, such as pocket, high, light, brooklyn")
    add.add_argument("--board", type=float, metavar="BOARD", help="the board that it was played on, such as 17.5")
    add.add_argument("--speed-mph", type=float, metavar="MPH", help="the ball's speed in miles an hour")
    add.add_argument("--comment", metavar="TEXT", help="what you note about each of these shots")


def _add_shot_changes(actions: "Commands") -> None:
    change = add_command(
        actions,
        "set",
        "correct what a shot did; what was noted beside it stays",
        "shot set last 7.2 /             # the second shot of frame 7 was a spare\n"
        "shot set last 3.1 @7,10         # the pins that it left\n"
        "shot set last 3.1 -- -          # after -- a dash may come first",
    )
    delete = add_command(
        actions,
        "delete",
        "delete a shot",
        "shot delete last 7.2\nshot delete last 5f2c1a        # the end of its id, where two stand at one place",
    )
    for parser in (change, delete):
        parser.add_argument("game", metavar="GAME", help=_GAME)
        parser.add_argument("shot", metavar="FRAME.SHOT", help="its place such as 7.2, or the end of its id")
    change.add_argument("sign", metavar="SHOT", help="X, /, -, F, a count, or @ and the pins that were left")


def _add_statistics(commands: "Commands") -> None:
    found = add_command(
        commands,
        "statistics",
        "show your figures, with what each is made of",
        "statistics\nstatistics --from 2026-09-01 --to 2026-11-30",
    )
    found.add_argument("--from", dest="begin", type=_day, metavar="DAY", help="sessions from this day on")
    found.add_argument("--to", dest="end", type=_day, metavar="DAY", help="sessions up to this day")
    found.add_argument("--event", metavar="ID", help="sessions of this event")
    found.add_argument("--session", metavar="ID", help="this session alone")
    found.add_argument("--ball", metavar="ID", help="what this ball did")


def _add_conflicts(commands: "Commands") -> None:
    conflicts = add_command(
        commands,
        "conflicts",
        "list what the server did not take, and decide about it",
        "conflicts\nconflicts keep 3        # send mine again\nconflicts take 3        # leave what the server has",
    )
    conflicts.add_argument(
        "decision",
        metavar="DECISION",
        nargs="?",
        choices=("list", "keep", "take"),
        default="list",
        help="list them, keep yours, or take the server's; default: list",
    )
    conflicts.add_argument("number", nargs="?", type=positive, metavar="N", help="which, as the list numbers them")
    conflicts.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="with keep: write this instead; the value is JSON or a text",
    )


def _score(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 300:  # noqa: PLR2004 - a perfect game
        raise argparse.ArgumentTypeError(f"{text} is no score from 0 to 300")
    return int(text)


def _day(text: str) -> str:
    try:
        # It reads other forms as well, such as 20261124.
        is_day = date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_day = False
    if not is_day:
        raise argparse.ArgumentTypeError(f"{text} is no day such as 2026-11-24")
    return text


def _add_import(commands: "Commands") -> None:
    read = add_command(
        commands,
        "import-scores",
        "take line scores from a spreadsheet (CSV) into the scorebook",
        "import-scores league.csv --dry-run      # what would be taken, and every row that would not\n"
        "import-scores league.csv --at 2026-11-24T18:00\n"
        "import-scores league.csv                # once more: nothing is doubled",
    )
    read.add_argument("file", metavar="FILE", help="rows COUNT, LEAVE, SCORE, TYPE, BOARD, LANE, BALL of 12 cells each")
    read.add_argument("--at", metavar="TIME", help="when sessions began that the file tells no time of; default: now")
    read.add_argument("--session", metavar="ID", help="a session on this phone that all games belong to")
    read.add_argument("--establishment", metavar="ID", help="where the new sessions were")
    read.add_argument("--dry-run", action="store_true", help="write nothing, only report")
