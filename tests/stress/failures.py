"""A failure before, inside and after every write of the spool, call of the API and request to a device."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from device_bridge.errors import BridgeError
from device_bridge.spool import CaptureState, Spool
from smartdot import MemoryImage
from tests.stress.begins import Begin, prepare
from tests.stress.campaign import Outcome, Plan
from tests.stress.devices import PluggedDevice
from tests.stress.injection import KILLED, Injector, Manner, Moment, injected
from tests.stress.memory import captures
from tests.stress.operations import OPERATIONS, World, erase, pull, push
from tests.stress.stand_in import StandIn
from tests.stress.zygote import Zygote

NAME = "failures"
_REPEATS = 8
_MOST_POINTS = 500
# A point that has no such moment, and an operation that ended before the point. Any other code is a failure.
_NOTHING_THERE, _NOT_REACHED = 20, 21
# A process that ends within a transaction leaves what one does that ends before it: that is SQLite's own promise.
_MOMENTS = {Manner.ERROR: tuple(Moment), Manner.KILL: (Moment.BEFORE, Moment.AFTER)}
_ERASING = ("erase", "run once")


def run(plan: Plan) -> Outcome:
    """Inject every failure into every operation; both sizes are the same, for each is tried."""
    outcome = Outcome(NAME, plan.seed)
    for name in OPERATIONS:
        outcome.merge(fail_everywhere(name, plan.seed))
        plan.say(f"{name}: {int(outcome.counts['failures_injected'])} failures injected until now")
    return outcome


@dataclass(slots=True)
class Range:
    """The place where operations are tried again and again.

    Attributes:
        folder: Its files.
        api: The API's stand-in.
        begin: What every try begins with.
    """

    folder: Path
    api: StandIn
    begin: Begin
    _tries: int = field(default=0)

    @contextlib.contextmanager
    def fresh(self) -> Iterator[tuple[World, PluggedDevice]]:
        """Give a world that is as at the begin."""
        self._tries += 1
        folder = self.folder / str(self._tries)
        folder.mkdir()
        if self.begin.spool is not None:
            (folder / "spool.db").write_bytes(self.begin.spool)
        self.api.stored = dict(self.begin.stored)
        self.api.wrongs.clear()
        device = PluggedDevice(MemoryImage(bytearray(self.begin.memory)), folder / "dot")
        try:
            yield World(folder, device.place, self.api.url), device
        finally:
            device.unplug()
            shutil.rmtree(folder)


@contextlib.contextmanager
def _range(operation: str, seed: int) -> Iterator[Range]:
    with tempfile.TemporaryDirectory() as name:
        api = StandIn()
        try:
            yield Range(Path(name), api, prepare(operation, seed, Path(name) / "begin", api))
        finally:
            api.close()


def fail_everywhere(operation: str, seed: int) -> Outcome:
    """Let an operation fail at each of its points in each manner; afterwards it is repeated, and all must be right."""
    outcome = Outcome(NAME, seed)
    with _range(operation, seed) as place, Zygote() as zygote:
        for manner, moments in _MOMENTS.items():
            for moment in moments:
                points = _fail_at_each(place, zygote, operation, (manner, moment), outcome)
                if points == 0 and moment is not Moment.INSIDE:
                    outcome.fail(f"{operation}: there was nothing to fail")
    return outcome


def _fail_at_each(place: Range, zygote: Zygote, operation: str, how: tuple[Manner, Moment], outcome: Outcome) -> int:
    manner, moment = how
    for point in range(_MOST_POINTS):
        what = f"{operation}, {manner} {moment} point {point}"
        with place.fresh() as (world, device):
            if manner is Manner.KILL:
                code = _kill(zygote, world, operation, point, moment)
                device.wait_until_free()
            else:
                code = _try(operation, world, Injector(point, moment), outcome, what)
            if code == _NOT_REACHED:
                return point
            if code == _NOTHING_THERE:
                continue
            if code != KILLED:
                outcome.fail(f"{what}: the process ended with {code}: {(world.folder / 'log').read_text()[-500:]}")
            outcome.add("failures_injected")
            outcome.add(f"{manner}s")
            _look(place, world, device, outcome, what)
            _finish(place, world, device, operation, outcome, what)
    outcome.fail(f"{operation}: more than {_MOST_POINTS} points")
    return _MOST_POINTS


def _kill(zygote: Zygote, world: World, operation: str, point: int, moment: Moment) -> int:
    """Let a process of its own do the operation and be killed; return its exit code."""
    values = {
        "operation": operation,
        "paths": [str(world.folder), str(world.place), world.api],
        "point": point,
        "moment": moment.value,
    }
    process = zygote.start_function("tests.stress.failures:perform_and_die", values, world.folder / "log")
    return zygote.wait(process)


def perform_and_die(operation: str, paths: list[str], point: int, moment: str) -> int:
    """Do an operation in a process that ends without a word at one of its points."""
    world = World(Path(paths[0]), Path(paths[1]), paths[2])
    injector = Injector(point, Moment(moment), Manner.KILL)
    with injected(injector):
        OPERATIONS[operation](world)
    return _NOTHING_THERE if injector.passed > point else _NOT_REACHED


def _try(operation: str, world: World, injector: Injector, outcome: Outcome, what: str) -> int:
    """Do the operation with an error at one of its points."""
    try:
        with injected(injector):
            OPERATIONS[operation](world)
    except BridgeError:
        outcome.add("messages")
    except Exception as error:  # noqa: BLE001 - a traceback is what a person must never see
        outcome.fail(f"{what}: {type(error).__name__}: {error}")
    if injector.has_failed:
        return KILLED
    return _NOTHING_THERE if injector.passed > (injector.point or 0) else _NOT_REACHED


def _look(place: Range, world: World, device: PluggedDevice, outcome: Outcome, what: str) -> None:
    """Look at what the failure left: every record is on the device, or in the spool, or in the cloud."""
    if place.begin.is_spool_damaged:
        return
    held = set(device.holds()) | set(place.api.stored.values())
    if world.spool.exists():
        with contextlib.closing(Spool(world.spool)) as spool:
            held |= {spool.load(row) for row in spool.captures() if row.state is not CaptureState.READING}
            for finding in spool.check():
                outcome.fail(f"{what}: {finding}")
    if not held.issuperset(place.begin.expected):
        outcome.fail(f"{what}: a record is nowhere")
    recorded = set(captures(MemoryImage(bytearray(place.begin.memory))))
    if not (recorded - set(device.holds())).issubset(place.api.stored.values()):
        outcome.fail(f"{what}: a record was erased that is not in the cloud")


def _finish(place: Range, world: World, device: PluggedDevice, operation: str, outcome: Outcome, what: str) -> None:
    """Repeat the operation without failures, and what brings everything to its end; then all must be there once."""
    OPERATIONS[operation](world)
    states = [CaptureState.READING]
    for _ in range(_REPEATS):
        pull(world)
        push(world)
        with contextlib.closing(Spool(world.spool)) as spool:
            states = [row.state for row in spool.captures()]
        if set(states) == {CaptureState.DELIVERED}:
            break
    if operation in _ERASING:
        erase(world)
        if device.holds():
            outcome.fail(f"{what}: the device still holds {len(device.holds())} records")
    if states != [CaptureState.DELIVERED] * len(place.begin.expected):
        outcome.fail(f"{what}: in the end the spool holds {states}")
    if sorted(place.api.stored.values()) != place.begin.expected:
        outcome.fail(f"{what}: in the end the cloud holds {len(place.api.stored)} other captures")
    for wrong in place.api.wrongs:
        outcome.fail(f"{what}: the bridge asked what it never should: {wrong}")
