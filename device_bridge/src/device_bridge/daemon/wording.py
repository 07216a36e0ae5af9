"""The events that commands and daemon have in common, in words."""

from device_bridge.daemon.journal import Event, Level
from device_bridge.reader import PullResult, describe_pull_problems
from device_bridge.spool import CaptureRow


def read_event(row: CaptureRow) -> Event:
    """Return the event of a record that was read to its end."""
    damage = f", {row.damaged_count} damaged pages kept as read" if row.damaged_count else ""
    message = f"{row.device} record {row.record}: {row.size_bytes} bytes, sha256 {row.sha256}{damage}"
    facts = {**_facts(row), "damaged_pages": list(row.damaged_pages)}
    return Event("record-read", message, is_result=True, facts=facts)


def delivered_event(row: CaptureRow) -> Event:
    """Return the event of a capture that the cloud has."""
    message = f"{row.device} record {row.record}: delivered as {row.sha256}"
    return Event("capture-delivered", message, is_result=True, facts={**_facts(row), "cloud_state": row.cloud_state})


def pull_warnings(result: PullResult) -> list[Event]:
    """Return what a person should know beside what was read."""
    facts = {"device": result.device}
    return [Event("device-memory", line, Level.WARNING, facts=facts) for line in describe_pull_problems(result)]


def sent_event(row: CaptureRow) -> Event:
    """Return the event of a capture that was sent by ticket."""
    message = f"{capture_name(row)}: its bytes are in the cloud, whose verdict is pending"
    return Event("capture-sent", message, facts=_facts(row))


def capture_name(row: CaptureRow) -> str:
    """Return a capture's name as a push's problems begin with it."""
    return f"record {row.record} of {row.device}"


def problem_event(problem: str) -> Event:
    """Return the event of a capture that was not delivered."""
    return Event("capture-not-delivered", problem, Level.WARNING)


def _facts(row: CaptureRow) -> dict[str, object]:
    return {"device": row.device, "record": row.record, "sha256": row.sha256, "size_bytes": row.size_bytes}
