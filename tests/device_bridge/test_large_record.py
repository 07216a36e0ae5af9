"""A record above 4 MiB goes from a device to the real local cloud by ticket, and comes back through the phone."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from device_bridge.api import MAX_INLINE_BYTES
from device_bridge.spool import CaptureState, Spool
from local_cloud.cloud import LocalCloud
from phone_client import ApiClient
from smartdot import FirstPage, MemoryImage, RecordHeader, RecordWriter, SampleType, Sensor, SensorKind, Version
from tests.api import PASSWORD, Bowler

from .conftest import StartEmulator

pytestmark = pytest.mark.long
# Both kinds of motion at the highest rates that their chips have.
ACCEL = Sensor(SensorKind.ACCEL, 3, SampleType.INT16, 6_400_000, 2048.0, 16.0, -32768, 32767)
GYRO = Sensor(SensorKind.GYRO, 3, SampleType.INT16, 6_400_000, 16.4, 2000.0, -32768, 32767)
TICK_HZ = 6_400_000
SAMPLES = 360_000
Run = Callable[..., tuple[int, list[dict[str, Any]], str]]


def large_record(record: int) -> list[bytes]:
    """Return the pages of a record of some 56 s at 6.4 kHz, by the format's own writer."""
    writer = RecordWriter(RecordHeader(record, 5_000, TICK_HZ, (ACCEL, GYRO)))
    for number in range(SAMPLES):
        ticks = 5_000 + 1_000 * number
        writer.add(0, ticks, (number % 30_000, -(number % 7_000), record))
        writer.add(1, ticks, (number % 11_000, record, number % 13))
    return list(writer.finish())


@pytest.fixture(scope="module")
def pages() -> list[bytes]:
    """Give the pages of a large record."""
    return large_record(1)


@pytest.fixture
def serial(bowler: Bowler) -> str:
    """Give the serial of a device that is the account owner's, from before its shot."""
    serial = f"SD-{uuid.uuid4().hex[:12]}"
    begins = datetime.now(UTC) - timedelta(days=1)
    assert bowler("POST", "/v1/devices", json={"serial": serial, "from": begins.isoformat()}).status == 201
    return serial


@pytest.fixture
def memory(pages: list[bytes], serial: str) -> bytes:
    """Give the device's memory with the large record."""
    image = MemoryImage.blank(FirstPage(serial, Version(1, 0, 0), Version(1, 2, 3), len(pages) + 16, 8))
    image.store_record(pages)
    return bytes(image.data)


@pytest.fixture
def run(cloud: LocalCloud, bowler: Bowler, tmp_path: Path) -> Run:
    """Give a function that runs a command of the bridge, enrolled with a new account, in a process of its own."""
    credential = bowler("POST", "/v1/bridges", json={"name": "lane 7"}).json["credential"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DEVICE_BRIDGE_")},
        "DEVICE_BRIDGE_SPOOL": str(tmp_path / "spool.db"),
        "DEVICE_BRIDGE_API": str(cloud.api_url),
        "DEVICE_BRIDGE_CREDENTIAL": credential,
        "DEVICE_BRIDGE_MIN_FREE_MIB": "0",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }

    def run(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        command = [sys.executable, "-m", "device_bridge", *arguments, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return run


@pytest.fixture
def phone(cloud: LocalCloud, bowler: Bowler) -> Iterator[ApiClient]:
    """Give the phone of the account's owner, logged in."""
    with ApiClient(str(cloud.api_url)) as client:
        client.log_in(bowler.username, PASSWORD)
        yield client


def with_damage(memory: bytes, damaged: tuple[int, ...]) -> tuple[bytes, bytes]:
    """Return a memory with damaged pages in its record, and the capture that it must give."""
    image = MemoryImage(bytearray(memory))
    (slot,) = image.slots()
    places = slot.pages(image.first)
    for number in damaged:
        page = bytearray(image.page(places[number]))
        page[100] ^= 4
        image.write_page(places[number], bytes(page))
    return bytes(image.data), image.capture(1)


@pytest.mark.parametrize("damaged", [(), (3, 9_000)], ids=["whole", "damaged"])
def test_a_large_record_arrives_by_ticket_bit_by_bit(
    start_emulator: StartEmulator,
    run: Run,
    phone: ApiClient,
    memory: bytes,
    tmp_path: Path,
    damaged: tuple[int, ...],
) -> None:
    """Pulled and pushed by the real commands, it is delivered as what it is, and the phone reads the same bytes."""
    state = "damaged" if damaged else "verified"
    held, capture = with_damage(memory, damaged)
    assert len(capture) > MAX_INLINE_BYTES
    (tmp_path / "flash.bin").write_bytes(held)
    emulator = start_emulator("--memory", tmp_path / "flash.bin")
    code, printed, errors = run("pull", "--port", emulator.path)
    assert code == 0, errors
    code, printed, errors = run("push")
    assert code == 0, errors
    (delivered,) = printed[-1]["delivered"]
    spool = Spool(tmp_path / "spool.db", 0)
    (row,) = spool.captures()
    assert (row.state, row.cloud_state, row.sha256) == (CaptureState.DELIVERED, state, delivered["sha256"])
    # It went by ticket, not through the API.
    assert row.sent_at is not None
    assert spool.load(row) == capture
    spool.close()
    seen = phone.capture(delivered["sha256"])
    assert (seen.state, seen.size_bytes, seen.record) == (state, len(capture), 1)
    assert seen.device == MemoryImage(bytearray(memory)).first.serial
    assert [bad.page for bad in seen.bad_pages] == [number + 1 for number in damaged]
    assert seen.provenance is not None
    assert phone.raw(delivered["sha256"]) == capture
