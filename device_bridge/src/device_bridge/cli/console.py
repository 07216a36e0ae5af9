"""Where the command line prints: results to stdout, everything else to stderr."""

import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

_WIDTH_WITHOUT_TERMINAL = 200
_LONG_COLUMNS = ("description", "problem")


class Output:
    """The two streams of a command."""

    def __init__(self) -> None:
        self.results = Console(markup=False, highlight=False, soft_wrap=True)
        if not self.results.is_terminal:
            # A pipe or a file has no width of its own; at rich's 80 columns a table would be folded.
            self.results.width = _WIDTH_WITHOUT_TERMINAL
        self.messages = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)

    def result(self, text: str) -> None:
        """Print a line of the command's result, at once."""
        self.results.print(text)

    def message(self, text: str) -> None:
        """Print a line for the person who watches."""
        self.messages.print(text)

    def json(self, value: object) -> None:
        """Print the result as one line of JSON."""
        self.results.out(json.dumps(value, ensure_ascii=True), highlight=False)

    def table(self, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
        """Print rows under the columns that are their keys."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column not in _LONG_COLUMNS)
        for row in rows:
            table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
        self.results.print(table)
