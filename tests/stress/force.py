"""What a bridge is made to endure in a siege."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Force:
    """What a bridge is made to endure.

    Attributes:
        kills: How often it is killed.
        unplugs: How often a device is taken away and comes back.
        full_disks: How often the disk is full for a while.
        devices: Devices with lines of limited speed.
        longest_life_s: How long the bridge lives at most before it is killed.
        fault_share: Share of the API's requests that go wrong.
        erases: Whether it frees the devices of what the cloud has verified.
        has_large_record: Whether another device holds a record that goes by ticket.
        record_every_s: How often each of the emulators records a shot.
        emulators: Devices that are processes of their own, with faults of their own; every second one is on TCP.
    """

    kills: int
    unplugs: int
    full_disks: int = 0
    devices: int = 0
    longest_life_s: float = 0.9
    fault_share: float = 0.25
    erases: bool = False
    has_large_record: bool = False
    record_every_s: float = 0.4
    emulators: int = 0
