"""The command by which the user decides about what the server did not take."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import msgspec

from phone_client.cli.assignments import typed_fields
from phone_client.cli.printing import print_result
from phone_client.cli.scorebook_tables import conflict_list
from phone_client.client import ApiClient
from phone_client.database import Database
from phone_client.errors import ExitCode, UsageError
from phone_client.sync import Decisions


def conflicts(_: ApiClient, options: Namespace) -> ExitCode:
    """List what waits, or decide about one."""
    with Database(Path(options.scorebook)) as database:
        decisions = Decisions(database)
        if options.decision == "list":
            held = decisions.every()
            return print_result(options, [_view(each) for each in held], conflict_list(held))
        if options.number is None:
            raise UsageError(f"Which one? conflicts {options.decision} N, as `conflicts` numbers them.")
        return _decide(decisions, options)


def _decide(decisions: Decisions, options: Namespace) -> ExitCode:
    told: dict[str, Any] = {"number": options.number, "decision": options.decision}
    if options.decision == "take":
        decisions.take(options.number)
        return print_result(options, told, "What the server has stays.")
    type_name = next((each.mine.type for each in decisions.every() if each.mine.number == options.number), "")
    new_id = decisions.keep(options.number, typed_fields(type_name, options.set))
    told["new_id"] = new_id
    made = f" It is made anew as {new_id}." if new_id else ""
    return print_result(options, told, f"Yours is sent with the next sync.{made}")


def _view(held: Any) -> dict[str, Any]:
    return {"mine": msgspec.to_builtins(held.mine), "theirs": held.theirs}
