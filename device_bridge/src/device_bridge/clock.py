"""The clocks of device and host at one moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from device_bridge.link import Hello
from smartdot.clocks import ClockNote


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """The clocks of device and host, noted at one moment: in the middle of a hello and its answer.

    Attributes:
        device_ticks: The device's clock.
        tick_hz: Its ticks in a second.
        host_monotonic_s: The host's steady clock.
        host_utc: The host's UTC.
        round_trip_s: From the hello to its answer: the moment is uncertain by half of it.
        power_up: How often the device had been switched on, modulo 65,536; 0 when it does not tell.
    """

    device_ticks: int
    tick_hz: int
    host_monotonic_s: float
    host_utc: datetime
    round_trip_s: float = 0.0
    power_up: int = 0

    def goes_on(self, device_ticks: int, power_up: int) -> bool:
        """Tell whether a later look at the clock may be of the same power-up of the same device.

        Args:
            device_ticks: What the clock says then.
            power_up: The number of the power-up then; 0 when it does not tell.
        """
        is_same = self.power_up == power_up or 0 in (self.power_up, power_up)
        return is_same and device_ticks >= self.device_ticks

    def note(self) -> ClockNote:
        """Return the same as the clocks' fit takes it (`smartdot.clocks`)."""
        return ClockNote(
            self.device_ticks, self.tick_hz, self.power_up, self.host_monotonic_s, self.host_utc, self.round_trip_s
        )


def time_hello(say_hello: Callable[[], Hello]) -> tuple[Hello, ClockFacts]:
    """Say hello, and note the clocks in the middle of the exchange.

    Args:
        say_hello: Does it; what it raises passes.
    """
    asked_at_s = time.monotonic()
    hello = say_hello()
    round_trip_s = time.monotonic() - asked_at_s
    utc = datetime.now(UTC) - timedelta(seconds=round_trip_s / 2)
    middle_s = asked_at_s + round_trip_s / 2
    return hello, ClockFacts(hello.ticks, hello.tick_hz, middle_s, utc, round_trip_s, hello.power_up)
