"""A failure at each write of the spool, call of the API and request to a device (tests/stress/failures.py)."""

import os
import tty

import pytest
import serial

from device_bridge.errors import PortMissingError
from device_bridge.spool import Spool
from device_bridge.transport import open_transport
from tests.stress import failures
from tests.stress.operations import OPERATIONS

SEED = 20_261_124


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_failure_at_every_point_of_an_operation_loses_nothing(operation: str) -> None:
    """Failed or killed before, in or after any write or call, and repeated: each record is in the cloud once."""
    outcome = failures.fail_everywhere(operation, SEED)
    assert outcome.failures == []
    assert outcome.counts["failures_injected"] >= 4


@pytest.mark.long
def test_a_capture_marked_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spool that calls a capture delivered as soon as its sending was noted to have failed is found."""
    monkeypatch.setattr(Spool, "note_attempt", lambda self, capture, *_, **__: self.mark_delivered(capture, "verified"))
    outcome = failures.fail_everywhere("push", SEED)
    assert any("the cloud holds" in failure for failure in outcome.failures)


def test_port_that_goes_while_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is unplugged just when its port is opened counts as away, not as something else than a port."""
    host, device = os.openpty()
    tty.setraw(device)
    configure = vars(serial.Serial)["_reconfigure_port"]

    def unplug_first(self: serial.Serial, *values: bool, **named: bool) -> None:
        os.close(host)
        configure(self, *values, **named)

    monkeypatch.setattr(serial.Serial, "_reconfigure_port", unplug_first)
    with pytest.raises(PortMissingError, match="there is no port"):
        open_transport(os.ttyname(device))
    os.close(device)
