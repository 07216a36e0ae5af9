"""Another reader, made from smartdot.ksy by Kaitai Struct and run by Node, agrees with ours field by field."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smartdot import (
    PAGE_SIZE_BYTES,
    Block,
    CaptureInspector,
    EndReason,
    FirstPage,
    FormatError,
    MemoryImage,
    PageError,
    RecordEnd,
    RecordHeader,
    SampleType,
    Sensor,
    read_page,
)
from tests.smartdot.images import made_images

ROOT = Path(__file__).parents[2]
KSY = ROOT / "smartdot" / "smartdot.ksy"
NODE_FOLDER = ROOT / "tests" / "node"
GOLDEN_NAMES = [path.stem for path in sorted((Path(__file__).parent / "golden").glob("*.hex"))]
# A directory slot alone is no file: it stands in the golden memory.
FILES = [name for name in GOLDEN_NAMES if name != "directory_slot"]
MADE = ("three_games", "clipped_and_lost", "uneven", "torn_slots", "damaged", "damaged_header", "cut_off")

Json = dict[str, Any]


def _node() -> str:
    """Return the path of Node; without it the test is skipped, and fails where CI is set."""
    beside = Path(sys.executable).parent / "node"
    node = shutil.which("node") or (str(beside) if beside.exists() else None)
    if node is None or not (NODE_FOLDER / "node_modules" / "kaitai-struct-compiler").exists():
        reason = "Node, or the packages of tests/node, are missing: run `make node`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return node


@pytest.fixture(scope="module")
def images(smartdot_golden: Callable[[str], bytes]) -> dict[str, bytes]:
    """Every image by its name."""
    return {name: smartdot_golden(name) for name in FILES} | made_images()


@pytest.fixture(scope="module")
def read_by_node(images: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """What the other reader finds in every image."""
    node, folder = _node(), tmp_path_factory.mktemp("images")
    for name, data in images.items():
        (folder / name).write_bytes(data)
    command = [node, str(NODE_FOLDER / "read_smartdot.mjs"), str(KSY), *(str(folder / name) for name in images)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return {Path(path).name: found for path, found in json.loads(done.stdout).items()}


def _first(first: FirstPage) -> Json:
    return {
        "serial": first.serial,
        "hardware": [first.hardware.major, first.hardware.minor, first.hardware.patch],
        "firmware": [first.firmware.major, first.firmware.minor, first.firmware.patch],
        "page_count": first.page_count,
        "directory_pages": first.directory_pages,
        "format_version": first.format_version,
        "page_size": first.page_size_bytes,
    }


def _sensor(sensor: Sensor) -> Json:
    # The limits of a u16 sensor are unsigned in both readers, clip_low's reserved bytes too.
    names = ("kind", "axes", "sample_type", "rate_millihertz", "lsb_per_unit", "full_scale", "clip_low", "clip_high")
    return {name: getattr(sensor, name) for name in names}


def _header(header: RecordHeader) -> Json:
    return {
        "record": header.record,
        "start_ticks": str(header.start_ticks),
        "tick_hz": header.tick_hz,
        "power_up": header.power_up,
        "sensors": [_sensor(sensor) for sensor in header.sensors],
    }


def _block(block: Block, header: RecordHeader) -> Json:
    code = "h" if header.sensors[block.sensor].sample_type is SampleType.INT16 else "H"
    return {
        "sensor": block.sensor,
        "first_index": block.first_index,
        "first_ticks": str(block.first_ticks),
        "span_ticks": block.span_ticks,
        "count": block.count,
        "offsets": list(struct.unpack(f"<{len(block.offsets) // 4}I", block.offsets)),
        "counts": list(struct.unpack(f"<{len(block.samples) // 2}{code}", block.samples)),
    }


def _end(end: RecordEnd) -> Json:
    totals = [[total.stored, total.made, total.clipped] for total in end.totals]
    return {
        "end_ticks": str(end.end_ticks),
        "page_count": end.page_count,
        "reason": int(end.reason),
        "totals": totals,
    }


def _record_of(capture: bytes) -> Json:
    inspector = CaptureInspector(keep_blocks=True)
    inspector.feed(capture)
    found = inspector.finish()
    header = found.header
    return {
        "header": None if header is None else _header(header),
        "blocks": [] if header is None else [_block(block, header) for block in inspector.blocks],
        "end": None if found.end is None else _end(found.end),
    }


def _wrong_checksums(data: bytes) -> list[int]:
    wrong = []
    for at in range(0, len(data), PAGE_SIZE_BYTES):
        try:
            read_page(data[at : at + PAGE_SIZE_BYTES])
        except PageError:
            wrong.append(at // PAGE_SIZE_BYTES)
    return wrong


def _read_by_us(data: bytes) -> Json:
    facts: Json = {
        "magic": True,
        "format_version": int.from_bytes(data[24:26], "little"),
        "wrong_checksums": _wrong_checksums(data),
    }
    if facts["format_version"] != 1:
        return facts
    try:
        memory = MemoryImage(bytearray(data))
    except FormatError:
        inspector = CaptureInspector()
        inspector.feed(data)
        first = inspector.finish().first
        assert first is not None
        return facts | {"first": _first(first), "record": _record_of(data) if len(data) > PAGE_SIZE_BYTES else None}
    slots = [
        {
            "number": slot.record % memory.first.directory_pages,
            "record": slot.record,
            "first_page": slot.first_page,
            "page_count": slot.page_count,
        }
        for slot in memory.slots()
    ]
    records = {str(slot.record): _record_of(memory.capture(slot.record)) for slot in memory.slots()}
    slots.sort(key=lambda slot: slot["number"])
    return facts | {"first": _first(memory.first), "slots": slots, "records": records}


def _known_reasons(found: Json) -> Json:
    """Read reasons that version 1 does not list as unknown (FORMAT.md 4.3): the other reader keeps the number."""
    for record in [found.get("record"), *found.get("records", {}).values()]:
        if record and record["end"] and record["end"]["reason"] not in tuple(EndReason):
            record["end"]["reason"] = int(EndReason.UNKNOWN)
    return found


@pytest.mark.parametrize("name", [*FILES, *MADE])
def test_both_readers_agree(name: str, images: dict[str, bytes], read_by_node: dict[str, Json]) -> None:
    """Every field, sample, checksum and directory slot of an image is the same in both readers."""
    assert _known_reasons(read_by_node[name]) == _read_by_us(images[name])


def test_the_made_images_hold_what_they_are_made_for(images: dict[str, bytes], read_by_node: dict[str, Json]) -> None:
    """The other reader finds 63 records, clipped counts, lost samples, offsets and the damaged pages."""
    assert [slot["record"] for slot in read_by_node["three_games"]["slots"]].count(90) == 1
    assert sorted(map(int, read_by_node["three_games"]["records"])) == list(range(28, 91))
    assert len(read_by_node["torn_slots"]["slots"]) == 60
    stored, made, clipped = read_by_node["clipped_and_lost"]["record"]["end"]["totals"][0]
    assert made - stored == 6
    assert clipped > 10
    assert any(block["offsets"] for block in read_by_node["uneven"]["record"]["blocks"])
    assert read_by_node["damaged"]["wrong_checksums"] == [2, 4]
    assert read_by_node["damaged_header"]["record"]["header"] is None
    assert read_by_node["cut_off"]["record"]["end"] is None
    assert set(images) == {*FILES, *MADE}
