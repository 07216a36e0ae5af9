"""The flags of `emulate`, and the parts of a device that they stand for."""

import argparse
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from device_bridge.cli.arguments import positive, seconds
from device_bridge.emulator.faults import Fault, read_fault
from device_bridge.emulator.physics.ball import Ball
from device_bridge.emulator.physics.lane import OIL_PATTERNS
from device_bridge.emulator.physics.sensors import (
    ACCEL_RATES_HZ,
    GYRO_RATES_HZ,
    LIGHT_RATES_HZ,
    MAG_RATES_HZ,
    Rates,
    check_rates,
)
from device_bridge.emulator.physics.shot import (
    BALL_RANGES,
    SHOT_RANGES,
    Hand,
    Range,
    Shot,
    check_shot,
    flag,
    read_oil,
)
from device_bridge.emulator.source import Source
from device_bridge.errors import UsageError

_RATES_HZ = {"accel": ACCEL_RATES_HZ, "gyro": GYRO_RATES_HZ, "mag": MAG_RATES_HZ, "light": LIGHT_RATES_HZ}


def add_device_flags(parser: argparse.ArgumentParser) -> None:
    """Let `emulate` take the flags of the device, its plug and its memory."""
    plug = parser.add_mutually_exclusive_group()
    plug.add_argument("--pty", action="store_true", help="be on a pty (the default)")
    plug.add_argument(
        "--tcp", metavar="HOST:PORT", help="be on TCP instead, for one host at a time; port 0 is any free"
    )
    parser.add_argument("--recording", type=Path, metavar="CSV", help="what it recorded (default: a simulated shot)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which shots are simulated (default: 1)")
    parser.add_argument("--records", type=positive, default=1, metavar="N", help="records it holds (default: 1)")
    parser.add_argument("--serial", metavar="TEXT", help="its serial (default: made from its records)")
    parser.add_argument("--memory", type=Path, metavar="FILE", help="its flash; used as it is when the file exists")
    parser.add_argument("--dump", type=Path, metavar="FILE", help="write the first record's capture there and end")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="write there, as JSON, what is true of its shots")
    parser.add_argument("--link", type=Path, metavar="PATH", help="make a symbolic link to the pty there")
    parser.add_argument("--every", type=seconds, metavar="S", help="record another shot every S seconds")
    parser.add_argument("--baud", type=positive, metavar="N", help="answer no faster than a line of N baud")
    parser.add_argument(
        "--battery", type=_number(0, 100), default=100.0, metavar="PERCENT", help="its battery's charge (default: 100)"
    )
    parser.add_argument(
        "--drift-ppm", type=_number(-500, 500), default=0.0, metavar="PPM", help="its clock runs faster by (default: 0)"
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end also when stdin ends, as when the starting program dies"
    )


def add_fault_flags(parser: argparse.ArgumentParser) -> None:
    """Let `emulate` take the flags of what goes wrong."""
    faults = parser.add_argument_group("what goes wrong, by chance")
    faults.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:PROBABILITY[:NAME=VALUE...]",
        help="drop, duplicate, flip, delay, reorder: of each packet, or byte with unit=byte, on its way to the "
        "way=host, way=device or both; hang, unplug: at each request; power: runs out within the write of a page; "
        "s=SECONDS of delay, silence or absence; most=N times; may be repeated",
    )
    faults.add_argument("--fault-seed", type=int, default=1, metavar="N", help="which faults (default: 1)")


def add_shot_flags(parser: argparse.ArgumentParser) -> None:
    """Let `emulate` take the parameters of the simulated shots."""
    shot = parser.add_argument_group("the simulated shots; what is not given varies with the seed")
    for name, limits in SHOT_RANGES.items():
        _add_quantity(shot, name, limits, getattr(Shot(), name))
    hands = [hand.value for hand in Hand]
    shot.add_argument("--hand", choices=hands, help="the hand that throws (default: right)")
    patterns = f"{', '.join(OIL_PATTERNS)}, or MU:OILED_M:BARE_M:MU as 0.04:12:13.5:0.2"
    shot.add_argument("--oil", metavar="PATTERN", help=f"the lane's oil: {patterns} (default: house)")
    ball = parser.add_argument_group("the ball and its SmartDot")
    for name, limits in BALL_RANGES.items():
        _add_quantity(ball, name, limits, getattr(Ball(), name))
    for name, rates_hz in _RATES_HZ.items():
        usual = getattr(Rates(), f"{name}_hz")
        shown = ", ".join(f"{rate:g}" for rate in rates_hz)
        ball.add_argument(
            f"--{name}-hz", type=float, default=usual, metavar="HZ", help=f"its rate: {shown} (default: {usual:g})"
        )


def _add_quantity(group: argparse._ArgumentGroup, name: str, limits: Range, usual: float) -> None:
    unit = name.rsplit("_", 1)[1]
    group.add_argument(
        flag(name),
        type=float,
        metavar=unit.upper(),
        help=f"{limits.meaning}, {limits.low:g} to {limits.high:g} {unit} (usual: {usual:g})",
    )


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is no number from {low:g} to {high:g}")
        return value

    return read


def given_of(chosen: argparse.Namespace) -> dict[str, object]:
    """Return the fields of `Shot` that the command line gives.

    Raises:
        UsageError: A value is out of its range, or the values contradict each other.
    """
    given: dict[str, object] = {
        name: getattr(chosen, name) for name in SHOT_RANGES if getattr(chosen, name) is not None
    }
    ball = {name: getattr(chosen, name) for name in BALL_RANGES if getattr(chosen, name) is not None}
    if ball:
        given["ball"] = replace(Ball(), **ball)
    if chosen.hand is not None:
        given["hand"] = Hand(chosen.hand)
    if chosen.oil is not None:
        given["oil"] = read_oil(chosen.oil)
    check_shot(replace(Shot(), **given))  # type: ignore[arg-type]
    return given


def source_of(chosen: argparse.Namespace, serial: str | None) -> Source:
    """Return where the device's memory comes from.

    Raises:
        UsageError: The flags make no sense, or not together.
    """
    given = given_of(chosen)
    if chosen.recording is not None:
        simulated = [*map(flag, given), *(["--truth"] if chosen.truth is not None else [])]
        if simulated:
            raise UsageError(f"{simulated[0]} is of simulated shots; with --recording there are none")
    rates = check_rates(Rates(chosen.accel_hz, chosen.gyro_hz, chosen.mag_hz, chosen.light_hz))
    return Source(chosen.recording, chosen.seed, chosen.records, serial, chosen.memory, given, rates)


def faults_of(chosen: argparse.Namespace) -> list[Fault]:
    """Return what shall go wrong.

    Raises:
        UsageError: A fault is none.
    """
    return [read_fault(text) for text in chosen.fault]


def address_of(chosen: argparse.Namespace) -> tuple[str, int] | None:
    """Return the address of `--tcp`; None for a pty.

    Raises:
        UsageError: It is no address, or there is also a link to make, which only a pty can have.
    """
    if chosen.tcp is None:
        return None
    if chosen.link is not None:
        raise UsageError("--link makes a link to a pty; with --tcp there is none")
    host, colon, port = chosen.tcp.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:  # noqa: PLR2004
        raise UsageError(f"--tcp {chosen.tcp}: it is HOST:PORT, as 127.0.0.1:0")
    return host.strip("[]"), int(port)
