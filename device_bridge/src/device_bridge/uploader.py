"""From the spool to the cloud: every sealed capture is sent until the cloud has confirmed its hash."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from device_bridge.api import (
    Acknowledgement,
    Api,
    ApiError,
    BusyError,
    CredentialRefusedError,
    RefusedError,
    TryLaterError,
)
from device_bridge.api_values import PENDING, REJECTED
from device_bridge.backoff import Backoff, Waits, draw_chance
from device_bridge.sender import Sender, StoppedError
from device_bridge.spool import (
    CaptureRow,
    CaptureState,
    LowDiskError,
    Spool,
    SpoolCorruptError,
    SpoolDamagedError,
    SpoolError,
)

# The cloud looks at an object within seconds; one that it says nothing of for so long is sent again.
_LONGEST_PENDING = timedelta(hours=1)


@dataclass(slots=True)
class PushResult:
    """What one pass over the spool gave.

    Attributes:
        delivered: Captures whose hash the cloud confirmed.
        quarantined: Captures that were set aside.
        sent: Captures whose bytes are in the cloud and whose verdict is pending; they wait as well.
        waiting: Captures that are not delivered yet.
        problems: Why, one line for each capture that was not delivered.
        retry_after_s: How long the API asked to wait.
        credential_problem: Set when the credential was refused; sending paused there.
        is_cut_short: Whether captures were not tried, because the next would have failed as well.
        next_try_s: In how many seconds the first of those that wait is due again; None when none waits by itself.
    """

    delivered: list[CaptureRow] = field(default_factory=list)
    quarantined: list[CaptureRow] = field(default_factory=list)
    sent: list[CaptureRow] = field(default_factory=list)
    waiting: list[CaptureRow] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    retry_after_s: float | None = None
    credential_problem: str | None = None
    is_cut_short: bool = False
    next_try_s: float | None = None


class Uploader:
    """Sends what is sealed in a spool. What it learns of single captures is in memory: keep one for as long as it runs.

    Args:
        spool: Where the captures are.
        api: Where they go.
        on_capture: Called with each capture's row once it is delivered.
        should_stop: Asked before each capture, and while a large one is sent.
        clock: A steady clock, in seconds.
        draw: A random number from 0 to 1, for the waits of single captures.
    """

    def __init__(
        self,
        spool: Spool,
        api: Api,
        on_capture: Callable[[CaptureRow], None] = lambda _: None,
        should_stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = draw_chance,
    ) -> None:
        self._spool = spool
        self._sender = Sender(spool, api, should_stop)
        self._on_capture = on_capture
        self._should_stop = should_stop
        self._waits = Waits(clock, draw)
        # Captures whose rows are damaged: each is said once.
        self._unusable: set[int] = set()
        # Confirmed by the cloud, and not yet noted in the spool because its disk is full.
        self._confirmed: dict[int, str] = {}

    def push(self) -> PushResult:
        """Try every capture that is due once, by device and record; one that failed before after those that did not.

        One that fails by itself is tried again after growing waits of its own and does not hold up the next. When the
        API cannot be reached, is not what answers, asks to wait or refuses the credential, the rest is left out.
        """
        result = PushResult()
        self._note_confirmed(result)
        rows = {row.id: row for row in self._spool.to_send() if row.id not in self._unusable}
        for row in sorted(rows.values(), key=self._turn):
            if row.id in self._confirmed or not self._waits.is_due(row.id):
                continue
            if self._should_stop() or not self._try(row, result):
                result.is_cut_short = True
                break
        settled = {row.id for row in (*result.delivered, *result.quarantined)}
        result.waiting = [row for row in rows.values() if row.id not in settled]
        result.waiting.sort(key=_place)
        result.next_try_s = self._waits.next_due_s(row.id for row in result.waiting)
        return result

    def _turn(self, row: CaptureRow) -> tuple[object, ...]:
        return row.state is CaptureState.SEALED, self._waits.turn_s(row.id), *_place(row)

    def _try(self, row: CaptureRow, result: PushResult) -> bool:
        """Bring one capture a step further and note what came of it; return whether to go on with the next."""
        if row.is_unusable:
            self._unusable.add(row.id)
            self._set_aside(row, row.last_problem or "", result, was_sent=False, is_rotten=True)
            return True
        try:
            self._settle(row, self._sender.bring_further(row), result)
        except SpoolDamagedError as error:
            self._set_aside(row, str(error), result, was_sent=False, is_rotten=True)
        except RefusedError as error:
            self._set_aside(row, str(error), result, was_sent=error.was_sent)
        except SpoolCorruptError as error:
            # Its row cannot be marked. Reading finds out by itself when more than this one is damaged.
            self._unusable.add(row.id)
            result.problems.append(f"{_name(row)}: {error}")
        except LowDiskError as error:
            # What the cloud said cannot be noted now: it says so again, and the bytes are not sent a second time.
            self._waits.lengthen(row.id)
            result.problems.append(f"{_name(row)}: {error}")
        except StoppedError:
            return False
        except ApiError as error:
            return self._note_failure(row, error, result)
        return True

    def _settle(self, row: CaptureRow, answer: Acknowledgement | None, result: PushResult) -> None:
        """Note what the cloud says of a capture, None when it does not know it."""
        if answer is None:
            self._send_again(row, "the cloud does not know it though it was sent: it is sent again", result)
        elif answer.state == REJECTED:
            self._set_aside(row, f"the cloud rejected it: {answer.reason or 'it does not say why'}", result)
        elif answer.state != PENDING:
            self._deliver(row, answer.state, result)
        elif row.state is CaptureState.SENT:
            self._wait_for_verdict(row, result)
        else:
            self._spool.mark_sent(row.id)
            self._waits.end(row.id)
            self._waits.lengthen(row.id)
            result.sent.append(row)

    def _wait_for_verdict(self, row: CaptureRow, result: PushResult) -> None:
        # A clock that was set back since then tells as little as one that has gone on.
        if row.sent_at is None or abs(datetime.now(UTC) - row.sent_at) > _LONGEST_PENDING:
            self._send_again(row, "the cloud has not looked at it for more than an hour: it is sent again", result)
            return
        self._waits.lengthen(row.id)
        result.sent.append(row)

    def _send_again(self, row: CaptureRow, problem: str, result: PushResult) -> None:
        self._spool.mark_unsent(row.id, problem)
        self._waits.lengthen(row.id)
        result.problems.append(f"{_name(row)}: {problem}")

    def _deliver(self, row: CaptureRow, cloud_state: str, result: PushResult) -> None:
        try:
            self._spool.mark_delivered(row.id, cloud_state)
        except LowDiskError as error:
            self._confirmed[row.id] = cloud_state
            result.problems.append(f"{_name(row)}: the cloud has it, which is noted when there is room again: {error}")
            return
        self._waits.end(row.id)
        delivered = self._spool.get(row.id) or row
        result.delivered.append(delivered)
        self._on_capture(delivered)

    def _note_confirmed(self, result: PushResult) -> None:
        for number, cloud_state in list(self._confirmed.items()):
            row = self._spool.get(number)
            del self._confirmed[number]
            if row is not None:
                self._deliver(row, cloud_state, result)

    def _set_aside(
        self, row: CaptureRow, problem: str, result: PushResult, *, was_sent: bool = True, is_rotten: bool = False
    ) -> None:
        # Where its row is damaged as well it cannot be marked, and is only passed over.
        with contextlib.suppress(SpoolError):
            self._spool.mark_quarantined(row.id, problem, was_sent=was_sent, is_rotten=is_rotten)
        self._waits.end(row.id)
        result.quarantined.append(self._spool.get(row.id) or row)
        how = "" if is_rotten else "; it is kept: `device_bridge quarantine` shows it and sends it again"
        result.problems.append(f"{_name(row)}: {problem}{how}")

    def _note_failure(self, row: CaptureRow, error: ApiError, result: PushResult) -> bool:
        """Note why a capture was not delivered; return whether that says nothing of the next one."""
        with contextlib.suppress(LowDiskError, SpoolCorruptError):
            self._spool.note_attempt(row.id, str(error), was_sent=error.was_sent)
        result.problems.append(f"{_name(row)}: {error}; it stays in the spool")
        cause = self._sender.general_cause(error)
        if cause is None:
            self._waits.lengthen(row.id, error.retry_after_s if isinstance(error, TryLaterError) else None)
            return True
        if isinstance(error, BusyError):
            # It may be said of this capture alone all the same: the next pass begins with another.
            self._waits.lengthen(row.id)
        if isinstance(cause, CredentialRefusedError):
            result.credential_problem = str(cause)
        elif isinstance(cause, TryLaterError):
            result.retry_after_s = cause.retry_after_s
        return False


def _place(row: CaptureRow) -> tuple[str, int, int]:
    return row.device, row.record, row.generation


def _name(row: CaptureRow) -> str:
    return f"record {row.record} of {row.device}"


def push_until_done(
    uploader: Uploader,
    patience_s: float,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    backoff: Backoff | None = None,
) -> PushResult:
    """Push, and push again with growing waits while captures wait, for at most this long.

    Returns:
        The last pass, with everything that was delivered or set aside in any pass.
    """
    backoff = backoff or Backoff()
    ends_at_s = clock() + patience_s
    delivered: list[CaptureRow] = []
    quarantined: list[CaptureRow] = []
    while True:
        result = uploader.push()
        delivered += result.delivered
        quarantined += result.quarantined
        if result.delivered:
            backoff.reset()
        delay_s = backoff.delay_s(result.retry_after_s) if result.is_cut_short else result.next_try_s
        if delay_s is None or result.credential_problem or clock() + delay_s > ends_at_s:
            result.delivered, result.quarantined = delivered, quarantined
            return result
        sleep(delay_s)
