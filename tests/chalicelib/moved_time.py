"""A clock that a test moves, in the place of one module's `time`: everything else goes on by the real one."""

import time
from types import ModuleType

import pytest


class MovedTime:
    """The time so many seconds from now."""

    def __init__(self, by_s: float = 0.0) -> None:
        self.by_s = by_s

    def time(self) -> float:
        """Return the seconds since 1970."""
        return time.time() + self.by_s


def move(monkeypatch: pytest.MonkeyPatch, by_s: float, *modules: ModuleType) -> None:
    """Let modules see another time."""
    for module in modules:
        monkeypatch.setattr(module, "time", MovedTime(by_s))
