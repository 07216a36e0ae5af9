"""A simulated bowling shot as the sensors in the finger insert measure it, and what is true of it."""

from dataclasses import dataclass

from device_bridge.emulator.physics.sensors import Module, Rates, draw_errors, mounting_of
from device_bridge.emulator.physics.shot import Shot
from device_bridge.emulator.physics.throw import Throw, throw
from device_bridge.emulator.physics.truth import describe
from device_bridge.emulator.recording import Recording


@dataclass(frozen=True, slots=True)
class Simulation:
    """A shot that was simulated.

    Attributes:
        thrown: How it went.
        module: What measured it.
        recording: What was measured.
    """

    thrown: Throw
    module: Module
    recording: Recording

    def truth(self) -> dict[str, object]:
        """Return what is true of it, as docs/emulator.md describes."""
        return describe(self.thrown, self.module, self.recording)


def simulate(shot: Shot, seed: int, module_seed: int, rates: Rates | None = None) -> Simulation:
    """Simulate a shot; the same arguments give the same counts on every platform.

    Args:
        shot: What the bowler does.
        seed: Of this shot's noise.
        module_seed: Of the module's own errors, which all of its shots share.
        rates: How fast the sensors sample.
    """
    chosen = rates or Rates()
    thrown = throw(shot, chosen.grid_hz)
    module = Module(mounting_of(shot), draw_errors(module_seed), chosen, f"noise {module_seed} {seed}")
    return Simulation(thrown, module, module.measure(thrown))
