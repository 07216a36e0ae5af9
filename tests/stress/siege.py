"""A bridge under siege: killed, unplugged and refused at random moments, until it is left in peace and must be done."""

import contextlib
import hashlib
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from device_bridge.spool import CaptureState, Spool
from tests.stress.campaign import Outcome, Plan, seeded
from tests.stress.devices import Device, PluggedDevice
from tests.stress.door import Door, Fault
from tests.stress.emulated import EmulatedDevice, write_recording
from tests.stress.force import Force
from tests.stress.memory import blank_memory, make_memory
from tests.stress.zygote import Zygote

# A small memory is used round and round when records are erased; a large one holds all of them when none is.
_SMALL_MEMORY, _LARGE_MEMORY = (800, 24), (8000, 300)
_BAUD = 2_000_000
_MOST_DATA_PAGES = 60
_MOST_RECORDS_AT_ONCE = 4
# Just above what goes into one request: by ticket.
_TICKET_DATA_PAGES = 4 * 4096 + 100
PATIENCE_S = 90.0
_LOOK_EVERY_S = 0.05
# Half of its lives end while it starts.
_SHORT_LIFE_S = 0.25
_FULL_AT_BYTES = 60_000
# A start that loads everything anew takes longer than most of the bridge's lives here.
_EVERY_FRESH_START = 10


class Siege:
    """A bridge, its devices and its API, and what befalls them.

    Args:
        name: The campaign's name.
        plan: How it is run.
        force: What the bridge endures.
        folder: Where everything is.
        zygote: Starts the bridge.
        api: Where the captures go; its faults are chosen here.

    Attributes:
        outcome: What was found until now.
        faults_given: How often the API failed in which way.
    """

    def __init__(self, name: str, plan: Plan, force: Force, folder: Path, zygote: Zygote, api: Door) -> None:
        self.outcome = Outcome(name, plan.seed)
        self._plan = plan
        self._force = force
        self.folder = folder
        self._zygote = zygote
        self._chance = seeded(plan.seed, name, "moments")
        self._faults = seeded(plan.seed, name, "faults")
        self._fault_lock = threading.Lock()
        self._was_refused = threading.Event()
        self.faults_given: dict[Fault, int] = {}
        self._is_relieved = threading.Event()
        self.api = api
        self.api.choose_fault = self._choose_fault
        self.devices = list(self._make_devices())
        self._bridge = 0
        self._starts = 0

    def _make_devices(self) -> Iterator[Device]:
        for number in range(self._force.devices):
            image = blank_memory(f"DOT-{number}", *(_SMALL_MEMORY if self._force.erases else _LARGE_MEMORY))
            yield self._plugged(PluggedDevice(image, self.folder / f"dot-{number}", _BAUD))
        if self._force.has_large_record:
            image = make_memory(self._chance, "DOT-LARGE", [_TICKET_DATA_PAGES])
            yield self._plugged(PluggedDevice(image, self.folder / "dot-large"))
        if self._force.emulators:
            write_recording(self.folder / "shot.csv", self._chance)
        for number in range(self._force.emulators):
            recording, every_s = self.folder / "shot.csv", self._force.record_every_s
            yield EmulatedDevice(self._zygote, self.folder, number, recording, every_s)

    def _plugged(self, device: PluggedDevice) -> PluggedDevice:
        self.api.claim(device.flash.image.first.serial)
        device.on_erased = self._look_at_erased
        return device

    def _look_at_erased(self, capture: bytes) -> None:
        self.outcome.add("erased_records")
        if hashlib.sha256(capture).hexdigest() not in self.api.stored:
            self.outcome.fail("a record was erased that was not in the cloud")

    def close(self) -> None:
        """Unplug and stop everything."""
        for device in self.devices:
            device.unplug()
        self.api.close()

    def endure(self) -> None:
        """Do everything that was planned, at moments that the seed draws."""
        self._enrol()
        self._start()
        force = self._force
        acts = [self._kill] * force.kills + [self._unplug] * force.unplugs + [self._fill_disk] * force.full_disks
        self._chance.shuffle(acts)
        for done, act in enumerate(acts, 1):
            self._keep_recording()
            time.sleep(self._pause_s(act))
            act()
            if self._was_refused.is_set():
                self._enrol()
            if done % 50 == 0 or done == len(acts):
                made = sum(len(device.made) for device in self.devices)
                self._plan.say(f"{done} of {len(acts)} done; {made} records made, {len(self.api.stored)} in the cloud")

    def _pause_s(self, act: Callable[[], None]) -> float:
        if act == self._unplug:
            return self._chance.uniform(0.0, 1.6 / len(self.devices))
        return self._chance.choice(
            (self._chance.uniform(0.01, _SHORT_LIFE_S), self._chance.uniform(_SHORT_LIFE_S, self._force.longest_life_s))
        )

    def _choose_fault(self, _: str) -> Fault | None:
        with self._fault_lock:
            if self._is_relieved.is_set() or self._faults.random() >= self._force.fault_share:
                return None
            fault = self._faults.choice(tuple(Fault))
            self.faults_given[fault] = self.faults_given.get(fault, 0) + 1
        if fault is Fault.UNAUTHORIZED_401:
            self._was_refused.set()
        return fault

    def _keep_recording(self) -> None:
        """Let devices record shots, so that there is always something to do."""
        for _ in range(self._chance.randrange(1, _MOST_RECORDS_AT_ONCE)):
            device = self._chance.choice(self.devices)
            device.record(self._chance, self._chance.randrange(_MOST_DATA_PAGES))

    def _enrol(self) -> None:
        """Do what a person does when the credential was refused: write it into its file again."""
        self._was_refused.clear()
        unfinished = self.folder / "credential.new"
        unfinished.touch(0o600)
        unfinished.write_text(self.api.credential)
        unfinished.replace(self.folder / "credential")

    def _start(self) -> None:
        places = [word for device in self.devices for word in ("--port", str(device.place))]
        environment = {
            "DEVICE_BRIDGE_SPOOL": str(self.folder / "spool.db"),
            "DEVICE_BRIDGE_API": self.api.url,
            "DEVICE_BRIDGE_CREDENTIAL_FILE": str(self.folder / "credential"),
            "DEVICE_BRIDGE_ERASE_VERIFIED": "true" if self._force.erases else "false",
            "DEVICE_BRIDGE_MIN_FREE_MIB": "1",
            "XDG_CONFIG_HOME": str(self.folder),
        }
        self._starts += 1
        self._bridge = self._zygote.start_bridge(
            ["run", *places, "--poll", "0.2"],
            environment,
            self.folder / "bridge.log",
            is_fresh=self._starts % _EVERY_FRESH_START == 0,
        )

    def _end(self, number: signal.Signals) -> int:
        os.kill(self._bridge, number)
        code = self._zygote.wait(self._bridge)
        for device in self.devices:
            device.wait_until_free()
        return code

    def _kill(self) -> None:
        self.outcome.add("kills_at_work", not self.is_done())
        code = self._end(signal.SIGKILL)
        self.outcome.add("kills")
        if code != -signal.SIGKILL:
            self.outcome.fail(f"the bridge had ended by itself with {code}: {self.last_words()}")
        self._start()

    def _unplug(self) -> None:
        device = self._chance.choice(self.devices)
        self.outcome.add("unplugs_at_work", not self.is_done())
        device.unplug()
        time.sleep(self._chance.uniform(0.0, 0.03))
        device.plug()
        self.outcome.add("unplugs")

    def _fill_disk(self) -> None:
        """Let no file of the bridge grow for a while, which is what a full disk and a quota do."""
        resource.prlimit(self._bridge, resource.RLIMIT_FSIZE, (_FULL_AT_BYTES, resource.RLIM_INFINITY))
        time.sleep(self._chance.uniform(0.05, 0.5))
        resource.prlimit(self._bridge, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.outcome.add("full_disks")

    def relieve(self) -> None:
        """Leave the bridge in peace until it is done, and end it."""
        self._is_relieved.set()
        for device in self.devices:
            device.rest()
        self._enrol()
        if not self._wait_until_done():
            self.outcome.fail(f"not done {PATIENCE_S:.0f} s after the last progress: {self.last_words()}")
        code = self._end(signal.SIGTERM)
        if code != 0:
            self.outcome.fail(f"the bridge ended with {code}: {self.last_words()}")

    def is_done(self) -> bool:
        """Return whether the cloud has every record, and the devices have none where they are erased."""
        made = sum(len(device.made) for device in self.devices)
        is_erased = not self._force.erases or not any(device.holds() for device in self.devices)
        return len(self.api.stored) >= made and is_erased

    def _wait_until_done(self) -> bool:
        progress, at_s = -1, time.monotonic()
        while not (self.is_done() and self._knows_it()):
            if time.monotonic() - at_s > PATIENCE_S:
                return False
            found = len(self.api.requests) + self._spool_bytes()
            if found != progress:
                progress, at_s = found, time.monotonic()
            time.sleep(_LOOK_EVERY_S)
        return True

    def _knows_it(self) -> bool:
        """Return whether the bridge knows of every record that the cloud has it."""
        with contextlib.closing(Spool(self.folder / "spool.db")) as spool:
            counts = spool.counts()
        return counts.get(CaptureState.DELIVERED, 0) == sum(counts.values())

    def _spool_bytes(self) -> int:
        files = (self.folder / name for name in ("spool.db", "spool.db-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def last_words(self) -> str:
        """Return the end of what the bridge printed."""
        log = self.folder / "bridge.log"
        lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
        return json.dumps(lines)
