"""The campaigns against a running bridge: kills, unplugs, and everything at once."""

from local_cloud.cloud import LocalCloud
from tests.stress.aftermath import run_siege
from tests.stress.campaign import Outcome, Plan
from tests.stress.cloud_api import CloudApi
from tests.stress.force import Force

KILLS, UNPLUGS, EVERYTHING, CLOUD = "kills", "unplugs", "everything", "cloud"
_DEVICES_UNPLUGGED = 8


def run_kills(plan: Plan) -> Outcome:
    """Kill the bridge at random moments of reading, uploading and erasing; the API fails a quarter of the time."""
    kills = plan.choose(100, 1000)
    return run_siege(KILLS, plan, Force(devices=3, kills=kills, unplugs=0, erases=True, has_large_record=True))


def run_unplugs(plan: Plan) -> Outcome:
    """Unplug devices at random moments; the API fails a quarter of the time."""
    unplugs = plan.choose(100, 1000)
    return run_siege(UNPLUGS, plan, Force(devices=_DEVICES_UNPLUGGED, kills=0, unplugs=unplugs, erases=True))


def run_everything(plan: Plan) -> Outcome:
    """Kill the bridge and its devices, which are processes with faults of their own; nothing is erased."""
    force = Force(
        kills=plan.choose(10, 150),
        unplugs=plan.choose(10, 150),
        full_disks=plan.choose(4, 60),
        longest_life_s=3.0,
        # They hold some 60 records each, which last to the end.
        record_every_s=plan.choose(4, 40) / 10,
        emulators=4,
        has_large_record=True,
    )
    return run_siege(EVERYTHING, plan, force)


def run_cloud(plan: Plan) -> Outcome:
    """Kill and unplug before the real API of a local cloud, with its own databases."""
    with LocalCloud(access_log=False) as cloud:
        return besiege_cloud(plan, cloud.api_url or "")


def besiege_cloud(plan: Plan, url: str) -> Outcome:
    """Kill and unplug before the API of a local cloud that runs."""
    kills, unplugs = plan.choose(8, 60), plan.choose(8, 60)
    force = Force(kills, unplugs, devices=3, erases=True, has_large_record=True)
    return run_siege(CLOUD, plan, force, CloudApi(url))
