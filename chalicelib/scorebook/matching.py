"""How well a capture and a shot fit together. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.devices.model import DeviceView
from chalicelib.scorebook.game_model import CaptureProposal, ShotProposal
from chalicelib.scorebook.merging import Row
from chalicelib.scorebook.moments import read_moment

LINKED, DEVICE, TIME = "linked", "device", "time"


@dataclass(frozen=True, slots=True)
class Equipment:
    """What tells which ball a device is in.

    Attributes:
        claims: The user's claims on devices, with the ball that each is in.
        serials: The serial of each ball, by its id, as the bowler noted it.
    """

    claims: Collection[DeviceView]
    serials: dict[str, str]

    def has(self, ball_id: str | None, serial: str | None, moment: datetime) -> bool:
        """Return whether a device was in a ball: by a claim of that time, or because the ball has its serial."""
        if ball_id is None or serial is None:
            return False
        return self.serials.get(ball_id) == serial or any(
            claim.serial == serial and claim.ball_id == ball_id and _covers(claim, moment) for claim in self.claims
        )


def _covers(claim: DeviceView, moment: datetime) -> bool:
    return claim.begins <= moment and (claim.until is None or moment < claim.until)


def _seconds_apart(shot: Row, start: datetime) -> float | None:
    thrown_at = shot.fields.get("thrown_at")
    return None if thrown_at is None else abs((read_moment(thrown_at) - start).total_seconds())


def _reasons(shot: Row, capture: Row, equipment: Equipment) -> tuple[str, ...]:
    start = read_moment(capture.fields["start_at"])
    fits = {
        LINKED: shot.fields.get("capture_id") == capture.id,
        DEVICE: equipment.has(shot.fields.get("ball_id"), capture.fields.get("serial"), start),
        TIME: shot.fields.get("thrown_at") is not None,
    }
    return tuple(reason for reason, holds in fits.items() if holds)


def capture_proposals(
    shot: Row, captures: Iterable[Row], equipment: Equipment, linked: dict[str, str]
) -> list[CaptureProposal]:
    """Return captures that may be of a shot, the best first.

    Args:
        shot: The shot.
        captures: Those of its time.
        equipment: Which ball a device is in.
        linked: The other shots that name a capture, by the capture.
    """
    found = []
    for capture in captures:
        start = read_moment(capture.fields["start_at"])
        found.append(
            CaptureProposal(
                capture.id,
                capture.fields.get("serial"),
                start,
                _seconds_apart(shot, start),
                _reasons(shot, capture, equipment),
                linked.get(capture.id),
            )
        )
    return sorted(found, key=lambda each: (each.linked_shot_id is not None, *_rank(each), each.capture_id))


def shot_proposals(capture: Row, shots: Iterable[Row], equipment: Equipment, most_apart_s: float) -> list[ShotProposal]:
    """Return shots that may be a capture's, the best first.

    Args:
        capture: The capture.
        shots: Those of its time.
        equipment: Which ball a device is in.
        most_apart_s: How far a shot's time may be from the capture's, in seconds.
    """
    start = read_moment(capture.fields["start_at"])
    found = []
    for shot in shots:
        reasons, named = _reasons(shot, capture, equipment), shot.fields.get("capture_id") or None
        apart_s = _seconds_apart(shot, start)
        if LINKED in reasons or apart_s is None or apart_s <= most_apart_s:
            other = named if named != capture.id else None
            found.append(
                ShotProposal(shot.id, shot.fields["session_id"], shot.fields.get("thrown_at"), apart_s, reasons, other)
            )
    return sorted(found, key=lambda each: (each.linked_capture_id is not None, *_rank(each), each.shot_id))


def _rank(proposal: CaptureProposal | ShotProposal) -> tuple[bool, bool, float]:
    """Return what sorts proposals: one that is linked, one of the right device, the nearest in time."""
    apart_s = proposal.seconds_apart
    return LINKED not in proposal.reasons, DEVICE not in proposal.reasons, float("inf") if apart_s is None else apart_s
