"""Single bits flipped in a stored image: each is found, and its page is named."""

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from device_bridge.pages import WantedPage, find_problem
from smartdot import (
    PAGE_SIZE_BYTES,
    CaptureState,
    FormatError,
    MemoryImage,
    NotACaptureError,
    PageKind,
    decode_capture,
    inspect_capture,
)
from tests.stress.campaign import Outcome, Plan, seeded
from tests.stress.memory import make_memory

NAME = "images"
# Three games: 21 shots each at most, of some 4 s at 800 Hz.
_RECORDS = 63
_DATA_PAGES = 90
_PAGE_BITS = PAGE_SIZE_BYTES * 8
_SMALL_BITS_PER_PAGE = 40
_SMALL_CAPTURE_FLIPS, _FULL_CAPTURE_FLIPS = 600, 60_000
_MAGIC_BITS = range(16 * 8, 24 * 8)
_PROCESSES = 2
_KINDS = (PageKind.HEADER, PageKind.DATA, PageKind.END)


def run(plan: Plan) -> Outcome:
    """Flip bits of an image of three games: sampled at the small size, every one of them at full size."""
    outcome = Outcome(NAME, plan.seed)
    tasks = [(plan.seed, record, plan.is_full) for record in range(1, _RECORDS + 1)]
    outcome.merge(flip_directory(plan.seed, is_full=plan.is_full))
    for record, part in enumerate(_run_records(tasks), 1):
        outcome.merge(part)
        if record % 21 == 0:
            plan.say(f"{record} of {_RECORDS} records, {int(outcome.counts['flipped_bits']):,} flipped bits")
    return outcome


def _run_records(tasks: list[tuple[int, int, bool]]) -> Iterator[Outcome]:
    if not tasks[0][2]:
        yield from map(flip_record, tasks)
        return
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        yield from pool.map(flip_record, tasks)


def flip_record(task: tuple[int, int, bool]) -> Outcome:
    """Flip the bits of one record's pages, as the bridge reads them, and some of its capture, as the API does."""
    seed, record, is_full = task
    chance = seeded(seed, NAME, record)
    image = make_memory(chance, "DOT-3", [chance.randrange(_DATA_PAGES // 2, _DATA_PAGES * 3 // 2)], record)
    outcome = Outcome(NAME, seed)
    (slot,) = image.slots()
    for number, place in enumerate(slot.pages(image.first)):
        wanted = WantedPage(place, _KINDS, record, number)
        for bit in range(_PAGE_BITS) if is_full else chance.sample(range(_PAGE_BITS), _SMALL_BITS_PER_PAGE):
            outcome.add("flipped_bits")
            if find_problem(_flip(image.page(place), bit), wanted) != "checksum":
                outcome.fail(f"bit {bit} of page {number} of record {record} was not found")
    flips = (_FULL_CAPTURE_FLIPS if is_full else _SMALL_CAPTURE_FLIPS) // _RECORDS
    _flip_capture(image.capture(record), chance, flips, outcome)
    _damage_capture(image.capture(record), chance, flips, outcome)
    return outcome


def _flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def _flip_capture(capture: bytes, chance: random.Random, flips: int, outcome: Outcome) -> None:
    for _ in range(flips):
        outcome.add("inspected_captures")
        bit = chance.randrange(len(capture) * 8)
        try:
            named = [problem.page for problem in inspect_capture(_flip(capture, bit)).problems]
        except NotACaptureError:
            named = [] if bit not in _MAGIC_BITS else [0]
        if named != [bit // _PAGE_BITS]:
            outcome.fail(f"bit {bit} of a capture: pages {named} were named")


def _damage_capture(capture: bytes, chance: random.Random, times: int, outcome: Outcome) -> None:
    """Damage a capture in other ways: it is never called whole, and nothing but the format's own error is raised."""
    for _ in range(times):
        damaged = _damage(capture, chance)
        if damaged == capture:
            continue
        outcome.add("damaged_captures")
        try:
            if inspect_capture(damaged).state is CaptureState.VERIFIED:
                outcome.fail(f"a damaged capture of {len(damaged)} bytes was called whole")
            decode_capture(damaged)
            outcome.fail(f"a damaged capture of {len(damaged)} bytes was decoded")
        except FormatError:
            outcome.add("refused_captures")


def _damage(capture: bytes, chance: random.Random) -> bytes:
    pages = [capture[at : at + PAGE_SIZE_BYTES] for at in range(0, len(capture), PAGE_SIZE_BYTES)]
    one, other = chance.randrange(len(pages)), chance.randrange(len(pages))
    match chance.randrange(6):
        case 0:
            pages[one], pages[other] = pages[other], pages[one]
        case 1:
            pages[one] = pages[other]
        case 2:
            pages.insert(one, pages[other])
        case 3:
            del pages[one]
        case 4:
            pages[one] = chance.randbytes(chance.choice((1, 255, 256, 257)))
        case _:
            begin = chance.randrange(len(capture))
            burst = chance.randbytes(chance.randrange(1, 600))
            return capture[:begin] + burst + capture[begin + len(burst) :]
    return b"".join(pages)


def flip_directory(seed: int, *, is_full: bool) -> Outcome:
    """Flip the bits of the first page and of the directory: no wrong record is ever named, and no other one is lost."""
    chance = seeded(seed, NAME, "directory")
    outcome = Outcome(NAME, seed)
    image = make_memory(chance, "DOT-3", [1] * _RECORDS)
    slots = {slot.record: slot for slot in image.slots()}
    bits = range((1 + image.first.directory_pages) * _PAGE_BITS)
    for bit in chance.sample(bits, 20_000 if is_full else 1000):
        outcome.add("flipped_bits")
        flipped = bytearray(image.data)
        flipped[bit // 8] ^= 1 << bit % 8
        hit = bit // _PAGE_BITS
        try:
            found = {slot.record: slot for slot in MemoryImage(flipped).slots()}
        except FormatError:
            if hit:
                outcome.fail(f"bit {bit} of the directory made the whole image unreadable")
            continue
        lost = {record for record in slots if 1 + record % image.first.directory_pages == hit}
        if hit == 0 or found != {record: slot for record, slot in slots.items() if record not in lost}:
            outcome.fail(f"bit {bit} of the directory changed what it names")
    return outcome
