"""Ours: the whole application of app.py and its real routes, with the calls of the database replaced.

What stands between the event and the stores, and from what they return to the answer, is what every contender does, and
more: the profile is made of a stored item, which the others have ready.
"""

import json
from typing import Any
from unittest import mock

from app import app
from bench.contenders.profile import CREATED_AT_TEXT, USER
from bench.contenders.workload import BRIDGE_ID, CREATED_AT, CREDENTIAL, KEY, KID, Handler
from chalicelib.accounts import service, store
from chalicelib.accounts.items import UserItem
from chalicelib.devices import bridges
from chalicelib.devices.bridge_model import BridgeView
from chalicelib.secrets import signing_keys


def _add_bridge(_user_id: str, name: str, kind: Any) -> BridgeView:
    return BridgeView(BRIDGE_ID, name, CREATED_AT, CREDENTIAL, kind)


def _user_item() -> UserItem:
    """Return the user as the store would have read it."""
    stored = {name: value for name, value in USER.items() if name != "id"}
    times = dict.fromkeys(("email_verified_at", "created_at", "updated_at"), CREATED_AT_TEXT)
    return UserItem(f"U#{USER['id']}", UserItem.SK, **{**stored, **times, "version": 3})


def make_handler() -> Handler:
    """Return the application with the benchmark's key in memory and no database behind it."""
    client = mock.Mock()
    client.get_secret_value.return_value = {"SecretString": json.dumps({"active": KID, KID: KEY})}
    with mock.patch("boto3.client", return_value=client):
        signing_keys()
    item = _user_item()

    def find_user(*_: Any, **__: Any) -> UserItem:
        return item

    mock.patch.object(bridges, "add_bridge", _add_bridge).start()
    # Two reads of the database: the token's login and its user.
    mock.patch.object(service, "_user_of_open_login", find_user).start()
    mock.patch.object(store, "find_user", find_user).start()
    return app
