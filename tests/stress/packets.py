"""Damaged packets between a device and the bridge: no page is taken for one that it is not."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from device_bridge.connection import Connection
from device_bridge.errors import BridgeError
from device_bridge.pages import PageReader, WantedPage
from smartdot import PAGE_SIZE_BYTES, MemoryImage, PageKind
from tests.stress.campaign import Outcome, Plan, seeded
from tests.stress.hostile_line import HostileLine
from tests.stress.memory import make_memory

NAME = "packets"
_SMALL, _FULL = 10_000, 1_000_000
_BATCH = 10_000
_PAGES_AT_ONCE = 32
_PROCESSES = 2


def run(plan: Plan) -> Outcome:
    """Send damaged packets until there were enough of them."""
    outcome = Outcome(NAME, plan.seed)
    batches = plan.choose(_SMALL, _FULL) // _BATCH
    for done, part in enumerate(_run_batches(plan.seed, batches), 1):
        outcome.merge(part)
        if done % 10 == 0 or done == batches:
            plan.say(f"{int(outcome.counts['damaged_packets']):,} damaged packets, {outcome.failure_count} failures")
    return outcome


def _run_batches(seed: int, batches: int) -> Iterator[Outcome]:
    if batches == 1:
        yield run_batch(seed, 0)
        return
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        yield from pool.map(run_batch, [seed] * batches, range(batches))


def run_batch(seed: int, batch: int) -> Outcome:
    """Read one memory again and again over one hostile line, until the line gave 10,000 damaged packets."""
    chance = seeded(seed, NAME, batch)
    image = make_memory(chance, f"DOT-{batch}", [chance.randrange(1, 30) for _ in range(5)])
    line = HostileLine(bytes(image.data), chance)
    outcome = Outcome(NAME, seed)
    wanted = list(_all_pages(image))
    while line.damaged_packets < _BATCH:
        chance.shuffle(wanted)
        for begin in range(0, len(wanted), _PAGES_AT_ONCE):
            _read(line, wanted[begin : begin + _PAGES_AT_ONCE], outcome, f"batch {batch}")
    outcome.add("damaged_packets", line.damaged_packets)
    outcome.add("forged_packets", line.forged_packets)
    outcome.add("swapped_pages", line.swapped_pages)
    return outcome


def _all_pages(image: MemoryImage) -> Iterator[WantedPage]:
    yield WantedPage(0, (PageKind.FIRST,), 0, 0)
    for slot in range(image.first.directory_pages):
        yield WantedPage(1 + slot, (PageKind.DIRECTORY,), None, slot, may_be_erased=True)
    for record in image.slots():
        for number, page in enumerate(record.pages(image.first)):
            last = record.page_count - 1
            kind = PageKind.HEADER if number == 0 else PageKind.END if number == last else PageKind.DATA
            yield WantedPage(page, (kind,), record.record, number)


def _read(line: HostileLine, wanted: list[WantedPage], outcome: Outcome, where: str) -> None:
    """Read some pages, and compare each that is given for good with the memory."""
    notices: list[str] = []
    connection = Connection(line, "a hostile line", notices.append)
    try:
        connection.hello()
        for batch in PageReader(connection).read(wanted):
            for page in batch:
                begin = page.wanted.memory_page * PAGE_SIZE_BYTES
                is_true = page.data == line.memory[begin : begin + PAGE_SIZE_BYTES]
                outcome.add("pages_given_as_good" if page.problem is None else "pages_named_damaged")
                if page.problem is None and not is_true:
                    outcome.fail(f"{where}: a false page was taken for page {page.wanted.memory_page}")
    except BridgeError:
        outcome.add("reads_given_up_with_a_message")
    except Exception as error:  # noqa: BLE001 - that nothing else is ever raised is what the campaign is about
        outcome.fail(f"{where}: {type(error).__name__}: {error}")
    if set(notices) - {line.EVENT}:
        outcome.fail(f"{where}: an event was heard that no device sent: {notices}")
