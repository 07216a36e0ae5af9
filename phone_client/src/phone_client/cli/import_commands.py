"""The command that takes line scores from a spreadsheet into this phone's scorebook."""

import codecs
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from phone_client.cli.printing import print_result
from phone_client.cli.scorebook_commands import opened
from phone_client.client import ApiClient
from phone_client.errors import ExitCode, UsageError
from phone_client.scorebook.importing import ImportReport, Into, import_line_scores, local_moment

LARGEST_BYTES = 10_000_000


def import_scores(_: ApiClient, options: Namespace) -> ExitCode:
    """Take the games of a file."""
    text = _read(Path(options.file))
    with opened(options) as book:
        if options.session is not None and book.get("session", options.session) is None:
            raise UsageError(f"There is no session {options.session} on this phone. Nothing was written.")
        into = Into(options.session, _moment(options.at), options.establishment)
        report = import_line_scores(book, text, into, is_dry=options.dry_run)
    code = print_result(options, asdict(report), _told(report, is_dry=options.dry_run))
    return code if report.games or report.already_here else ExitCode.FAILED


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} has more than 10 MB, so it is no file of line scores. Nothing was written.")
        # Spreadsheets of before write Latin letters in one byte; every byte is one there.
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. Nothing was written.") from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _moment(text: str | None) -> str:
    try:
        return local_moment(text or datetime.now(UTC).isoformat())
    except ValueError as error:
        raise UsageError(f"{text} is no time such as 2026-11-24T18:00. Nothing was written.") from error


def _told(report: ImportReport, *, is_dry: bool) -> str:
    lines = [f"line {problem.line}, {problem.label or 'row'}: {problem.text}." for problem in report.problems]
    done = "Would be taken" if is_dry else "Taken"
    games, shots = _counted(report.games, "game"), _counted(report.shots, "shot")
    counts = f"{done}: {games} with {shots}, in {_counted(report.sessions, 'new session')}."
    were = "was" if report.already_here == 1 else "were"
    again = f" {_counted(report.already_here, 'game')} {were} here already." if report.already_here else ""
    sent = "it" if report.games == 1 else "them"
    follows = " Nothing was written." if is_dry else f" The next `sync` sends {sent}." if report.games else ""
    if not report.games and not report.already_here:
        follows = " Nothing was written: a game is rows that begin with COUNT, LEAVE and so on (docs/import.md)."
    return "\n".join([*lines, counts + again + follows])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
