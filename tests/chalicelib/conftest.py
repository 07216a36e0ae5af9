"""What tests of failing calls share: the wire to a cloud that holds nothing of the tests before."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from botocore import endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from local_cloud.cloud import LocalCloud
from local_cloud.emulator import IN_PROCESS_URL
from tests.chalicelib.wire import Wire
from tests.tidying import tidied


@pytest.fixture
def wire(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The wire to the shared local cloud, without sockets, and emptied afterwards of what the test put there."""
    monkeypatch.setattr(URLLib3Session, "send", _without_sockets(cloud))
    # The SDK need not wait before it tries a call again.
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    with tidied(cloud):
        yield Wire(monkeypatch)


def _without_sockets(cloud: LocalCloud) -> Callable[[URLLib3Session, AWSPreparedRequest], AWSResponse]:
    """Return how botocore sends a request straight to the emulated AWS, which takes half the time."""

    def send(_: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        url = str(request.url).replace(cloud.aws_url, IN_PROCESS_URL, 1)
        there = AWSPreparedRequest(request.method, url, request.headers, request.body, request.stream_output)
        return cloud.pump._emulator._answer_in_process(there)

    return send
