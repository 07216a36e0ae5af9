"""After a siege: what the devices recorded is compared with what the spool and the cloud hold."""

import contextlib
import tempfile
from pathlib import Path

from device_bridge.spool import CaptureState, Spool
from tests.stress.campaign import Outcome, Plan
from tests.stress.door import Door, Fault
from tests.stress.force import Force
from tests.stress.siege import Siege
from tests.stress.stand_in import StandIn
from tests.stress.zygote import Zygote

# Each of these leaves the cloud with bytes that the bridge does not know to be there.
_UNKNOWN_TO_THE_BRIDGE = (Fault.LOST_REPLY, Fault.RESET_IN_REPLY, Fault.WRONG_HASH)


def run_siege(name: str, plan: Plan, force: Force, api: Door | None = None) -> Outcome:
    """Put a bridge under siege, and return what came of it."""
    with tempfile.TemporaryDirectory() as folder, Zygote() as zygote:
        siege = Siege(name, plan, force, Path(folder), zygote, api or StandIn())
        try:
            siege.endure()
            siege.relieve()
            compare(siege)
        finally:
            siege.close()
        return siege.outcome


def compare(siege: Siege) -> None:
    """Compare what the devices recorded with what the spool and the cloud hold."""
    outcome, api = siege.outcome, siege.api
    made = sorted(capture for device in siege.devices for capture in device.made.values())
    stored = api.collect()
    if sorted(stored) != made:
        outcome.fail(f"{len(made)} records were made, and the cloud holds {len(stored)} captures that are not the same")
    for wrong in api.wrongs:
        outcome.fail(f"the bridge asked what it never should: {wrong}")
    with contextlib.closing(Spool(siege.folder / "spool.db")) as spool:
        rows = spool.captures()
        for finding in spool.check():
            outcome.fail(f"the spool: {finding}")
    left = [(row.device, row.record, row.state.value) for row in rows if row.state is not CaptureState.DELIVERED]
    if left or len(rows) != len(made):
        outcome.fail(f"the spool holds {len(rows)} captures of {len(made)} records, undelivered: {left[:3]}")
    again = len(api.arrivals) - len(made)
    unknown = sum(siege.faults_given.get(fault, 0) for fault in _UNKNOWN_TO_THE_BRIDGE)
    if again > outcome.counts.get("kills", 0) + unknown:
        outcome.fail(f"{again} captures were sent again, with {unknown} lost acknowledgements")
    counts = {"records": len(made), "captures_sent_again": again, "api_requests": len(api.requests)}
    counts["device_faults"] = sum(device.faults_told() for device in siege.devices)
    for what, count in counts.items():
        outcome.add(what, count)
    for fault, count in siege.faults_given.items():
        outcome.add(f"api_{fault.name.lower()}", count)
