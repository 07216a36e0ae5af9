"""Where the command line prints: results to stdout, everything else to stderr; as text, or as JSON lines."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from device_bridge.daemon.journal import Event, Level
from device_bridge.moments import moment_text
from device_bridge.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

_WIDTH_WITHOUT_TERMINAL = 200
_LONG_COLUMNS = ("description", "problem", "why")
_NAME = "device_bridge: "
# Names of devices, answers of servers, reasons of the system: none of them has to be longer.
_MOST_IN_LINE = 8192
_MOST_IN_CELL = 1024
_ENVIRONMENT = "DEVICE_BRIDGE_LOG_FORMAT"


class Output:
    """The two streams of a command.

    Attributes:
        results: stdout.
        messages: stderr.
        log_format: `text` for people, or `json`: one JSON object a line on both streams. It begins as the environment
            says, for what goes wrong before the settings are known.
    """

    def __init__(self) -> None:
        self.results = Console(markup=False, highlight=False, soft_wrap=True)
        if not self.results.is_terminal:
            # A pipe or a file has no width of its own; at rich's 80 columns a table would be folded.
            self.results.width = _WIDTH_WITHOUT_TERMINAL
        self.messages = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
        self.log_format = "json" if os.environ.get(_ENVIRONMENT) == "json" else "text"

    def result(self, text: str) -> None:
        """Print a line of the command's result, at once."""
        if self.log_format == "json":
            self.event(Event("result", text, is_result=True))
        else:
            self.results.print(_shown(text))

    def message(self, text: str) -> None:
        """Print a line for the person who watches."""
        if self.log_format == "json":
            self.event(Event("message", text.removeprefix(_NAME)))
        else:
            self.messages.print(_shown(text))

    def error(self, text: str) -> None:
        """Print why the command failed."""
        self.event(Event("failed", text, Level.ERROR))

    def event(self, event: Event) -> None:
        """Print something that happened: a result to stdout, anything else to stderr."""
        stream = self.results if event.is_result else self.messages
        if self.log_format == "json":
            stream.out(_json_line(event), highlight=False)
        else:
            text = "\n".join(map(_shown, event.message.split("\n"))) if event.has_lines else _shown(event.message)
            stream.print(text if event.is_result else f"{_NAME}{text}")

    def json(self, value: object) -> None:
        """Print the result as one line of JSON."""
        self.results.out(json.dumps(value, ensure_ascii=True), highlight=False)

    def table(self, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
        """Print rows under the columns that are their keys."""
        self.results.print(make_table(columns, rows))

    @contextlib.contextmanager
    def progress(self) -> Iterator["Progress"]:
        """Give progress bars of bytes, on stderr; into a file or a log they would only print empty lines."""
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - 60 ms

        is_watched = self.messages.is_terminal and self.log_format == "text"
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        # What is printed meanwhile goes where it belongs: the two streams may be the same terminal or not.
        with Progress(
            *columns,
            console=self.messages,
            transient=True,
            disable=not is_watched,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as bars:
            yield bars


def make_table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> "Table":
    """Return a table of rows under the columns that are their keys."""
    from rich.table import Table  # noqa: PLC0415 - only for tables, and 20 ms

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column not in _LONG_COLUMNS)
    for row in rows:
        table.add_row(
            *("" if row[column] is None else printable(str(row[column]), _MOST_IN_CELL) for column in columns)
        )
    return table


def _shown(text: str) -> str:
    """Return a line in which nothing that a device or a server said moves the cursor or begins another line."""
    return printable(text, _MOST_IN_LINE)


def _json_line(event: Event) -> str:
    line = {
        "time": moment_text(datetime.now(UTC), "milliseconds"),
        "level": event.level,
        "event": event.name,
        "message": event.message,
        **event.facts,
    }
    return json.dumps(line, ensure_ascii=True)
