"""Every operation of devices, pairings and inboxes once, for the tests that watch what the app asks of AWS."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

from chalicelib import queue
from local_cloud.cloud import LocalCloud
from tests.api import Api, Bowler, upload_headers
from tests.chalicelib.lanes import capture_of, new_serial
from tests.chalicelib.tickets import ask, put, sha256_of

ANY = {"If-Match": "*"}


def use_devices(cloud: LocalCloud, api: Api, bowler: Bowler) -> None:
    """Pair a lane bridge, let captures wait, claim their device, and give both up again."""
    secret, serial = f"rmb_{uuid.uuid4().hex}", new_serial()
    pairing = {"secret_sha256": hashlib.sha256(secret.encode()).hexdigest()}
    code = api("POST", "/v1/pairings", json=pairing).json["code"]
    paired = bowler("POST", "/v1/pairings/approval", json={"code": code, "kind": "lane"}).json
    _let_captures_wait(cloud, bowler, Bowler(api, paired["id"], secret, ""), serial)
    one = f"/v1/devices/{serial}"
    assert [bowler("GET", path).status for path in ("/v1/devices", one)] == [200] * 2
    assert bowler("PATCH", one, json={"name": "blue"}, headers=ANY).status == 200
    assert bowler("DELETE", one, headers=ANY).status == 204
    assert bowler("DELETE", f"/v1/bridges/{paired['id']}").status == 204


def _let_captures_wait(cloud: LocalCloud, bowler: Bowler, lane: Bowler, serial: str) -> None:
    """Let one capture be delivered by a claim, and another one, of the time before it, be looked at and wait."""
    waiting, early = capture_of(serial), capture_of(serial)
    assert lane("POST", "/v1/captures", body=waiting, headers=upload_headers(waiting)).status == 201
    begins = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert bowler("POST", "/v1/devices", json={"serial": serial, "from": begins}).status == 201
    claim = {"device": serial, "started_at": "2026-01-01T00:00:00Z"}
    assert put(ask(lane, early, provenance=claim).json, early) == 200
    cloud.pump.drain(30)
    assert bowler("GET", f"/v1/captures/{sha256_of(waiting)}").status == 200
    assert [item["id"] for item in bowler("GET", "/v1/inbox").json["items"]] == [sha256_of(early)]
    # The bridge does not name the device, so only who looks at the bytes learns whose they are, and says so.
    unnamed = capture_of(serial)
    leave = ask(lane, unnamed).json
    queue._queue_url.cache_clear()
    assert put(leave, unnamed) == 200
    cloud.pump.drain(30)
    assert bowler("GET", f"/v1/captures/{sha256_of(unnamed)}").status == 200
