"""Erasure: closing an account, sweeping everything of its user, and sweeping again once no token is alive any more.

Every step can be done again. A job that died is delivered again and goes through all of them once more; how far it came
is told by what is still there.
"""

import logging
from datetime import UTC, datetime, timedelta

from chalicelib import jobs
from chalicelib.accounts import erasure as accounts
from chalicelib.accounts import logins
from chalicelib.call import Caller
from chalicelib.captures import erasure as captures
from chalicelib.devices import erasure as devices
from chalicelib.privacy import bucket
from chalicelib.privacy.model import ErasureView
from chalicelib.scorebook import erasure as scorebook
from chalicelib.settings import settings

_LOG = logging.getLogger("chalicelib.privacy")


def request(caller: Caller) -> ErasureView:
    """Close an account and let everything of it be removed.

    The job is sent first: were it sent after the closing, a crash between them would leave an account that is closed
    and never removed. The job closes the account as well.

    Raises:
        LoginTooOld: The password was given longer than 10 minutes ago.
    """
    logins.require_recent(
        caller, "Nothing was deleted. Log in again with your password, then delete within 10 minutes."
    )
    jobs.send(jobs.Job(jobs.ERASURE, caller.user_id))
    closed_at = accounts.close(caller.user_id) or datetime.now(UTC)
    scorebook.close(caller.user_id)
    return ErasureView("closing", _last_sweep_at(closed_at))


def run(user_id: str) -> None:
    """Remove what there is of a user; once tokens and requests of before the closing have ended, the user as well."""
    closed_at = accounts.close(user_id)
    if closed_at is None:
        sweep_late(user_id)
        return
    begun_at = datetime.now(UTC)
    _sweep(user_id)
    remaining_s = (_last_sweep_at(closed_at) - begun_at).total_seconds()
    if remaining_s > 0:
        jobs.send(jobs.Job(jobs.ERASURE, user_id), remaining_s)
        return
    accounts.finish(user_id)
    _LOG.info("an account was erased")


def sweep_late(user_id: str) -> None:
    """Remove what came for a user who was erased: an upload that had begun before may end after everything else."""
    if accounts.was_erased(user_id):
        bucket.remove_all(user_id)
        captures.sweep(user_id)
    elif accounts.is_closing(user_id):
        # The last sweep may be past this object already, and who was erased is known a moment later.
        jobs.send(jobs.Job(jobs.LATE_OBJECTS, user_id), settings().erasure_wait_s)


def _sweep(user_id: str) -> None:
    scorebook.close(user_id)
    accounts.sweep(user_id, devices.LEADS)
    bucket.remove_all(user_id)
    captures.sweep(user_id)
    scorebook.sweep(user_id)


def _last_sweep_at(closed_at: datetime) -> datetime:
    return closed_at + timedelta(seconds=settings().erasure_wait_s)
