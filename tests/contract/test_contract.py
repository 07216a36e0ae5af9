"""The API's description as a contract: requests made from it, by several identities, over every operation."""

import pytest

from chalicelib.operation import OPERATIONS
from tests.api import Api
from tests.contract.campaign import run
from tests.contract.identities import ADMIN, ANONYMOUS

REQUESTS = 5_000
SEED = 20261124


@pytest.mark.long
@pytest.mark.timeout(600)
def test_whatever_is_sent_is_answered_as_declared(api: Api) -> None:
    """5,000 requests: none answered with 500 or above, none unlike the description, nothing of another's shown."""
    campaign = run(api, REQUESTS, SEED)
    assert campaign.violations == {}
    assert campaign.requests >= REQUESTS
    assert {name for name, _ in campaign.statuses} == {operation.name for operation in OPERATIONS}
    assert set(campaign.by_identity) == {ANONYMOUS, ADMIN, "alice", "bob", "alice's bridge", "bob's bridge"}
    # Not everything is refused: most operations were done at least once.
    done = {name for name, status in campaign.statuses if status < 300}
    assert len(done) >= len(OPERATIONS) / 2
