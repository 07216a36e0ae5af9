"""Time and chance, as the client needs them: a test puts its own in their place."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """The clocks, the waiting and the dice of a client.

    Attributes:
        now_s: Seconds since 1970. A phone's clock may be a day off and may jump.
        monotonic_s: Seconds that only go forward, for waits and windows.
        sleep: Waits so many seconds.
        jitter_s: A time between nothing and so many seconds, at random.
    """

    now_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter_s: Callable[[float], float] = lambda longest_s: random.SystemRandom().uniform(0.0, longest_s)
