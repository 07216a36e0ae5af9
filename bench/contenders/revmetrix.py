"""Ours: the whole application of app.py and its real `POST /v1/bridges`, with the domain's verb replaced.

What stands between the event and `service.add_bridge`, and from its result to the answer, is what every contender does.
"""

import json
from unittest import mock

from app import app
from bench.contenders.workload import BRIDGE_ID, CREATED_AT, CREDENTIAL, KEY, KID, Handler
from chalicelib.accounts import service
from chalicelib.accounts.model import BridgeView
from chalicelib.secrets import signing_keys


def _add_bridge(_user_id: str, name: str) -> BridgeView:
    return BridgeView(BRIDGE_ID, name, CREATED_AT, CREDENTIAL)


def make_handler() -> Handler:
    """Return the application with the benchmark's key in memory and no database behind it."""
    client = mock.Mock()
    client.get_secret_value.return_value = {"SecretString": json.dumps({"active": KID, KID: KEY})}
    with mock.patch("boto3.client", return_value=client):
        signing_keys()
    mock.patch.object(service, "add_bridge", _add_bridge).start()
    return app
