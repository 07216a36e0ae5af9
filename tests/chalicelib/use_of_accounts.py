"""Every operation of accounts once, for tests of what is asked of AWS."""

import uuid

from chalicelib.administration.grant_admin import grant_admin
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, Api, Bowler
from tests.mails import code_sent_to

NEW_PASSWORD = "another horse battery"
ME = "/v1/users/me"


def use_accounts(cloud: LocalCloud, api: Api) -> None:
    """Let a user do everything that a user can do with an account, and an admin everything that admins can."""
    username = f"user-{uuid.uuid4().hex}"
    address = f"{username}@example.org"
    assert api("POST", "/v1/users", json={"username": username, "email": address, "password": PASSWORD}).status == 201
    tokens = api("POST", "/v1/tokens", json={"username": username, "password": PASSWORD}).json
    bowler = Bowler(api, username, tokens["access_token"], tokens["refresh_token"])
    code = code_sent_to(cloud, address)
    wrong = api("POST", "/v1/tokens", json={"username": bowler.username, "password": "wrong"})
    statuses = [
        wrong.status,
        bowler("GET", ME).status,
        bowler("PATCH", ME, json={"username": f"{bowler.username}-2"}, headers={"If-Match": "*"}).status,
        bowler("POST", "/v1/email-verifications/confirmation", json={"code": code}).status,
        bowler("PUT", f"{ME}/password", json={"current_password": PASSWORD, "new_password": NEW_PASSWORD}).status,
        api("POST", "/v1/password-resets", json={"email": address}).status,
        bowler("GET", f"{ME}/logins").status,
        bowler("DELETE", "/v1/tokens").status,
    ]
    assert statuses == [401, 200, 200, 204, 204, 204, 200, 204]
    reset = {"email": address, "code": code_sent_to(cloud, address), "password": PASSWORD}
    assert api("POST", "/v1/password-resets/confirmation", json=reset).status == 204
    _administer(bowler)


def _administer(bowler: Bowler) -> None:
    grant = {"username": f"{bowler.username}-2", "password": PASSWORD}
    token = bowler.api("POST", "/v1/tokens", json=grant).json["access_token"]
    assert grant_admin(grant["username"])
    admin = Bowler(bowler.api, grant["username"], token, "")
    assert [admin("GET", f"/v1/admin/{what}").status for what in ("users", "audit")] == [200, 200]
    own = admin("GET", ME).json["id"]
    assert admin("POST", f"/v1/admin/users/{own}/lock").status == 409
    serial = f"SD-{uuid.uuid4().hex[:12]}"
    assert admin("POST", "/v1/devices", json={"serial": serial}).status == 201
    device = f"/v1/admin/devices/{serial}"
    assert [admin(method, device, headers={"If-Match": "*"}).status for method in ("GET", "DELETE")] == [200, 204]
    assert admin("DELETE", "/v1/tokens/all").status == 204
