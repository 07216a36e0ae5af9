"""Accounts over HTTP."""

from chalicelib.accounts import service
from chalicelib.accounts.model import (
    BridgeView,
    NewBridge,
    PasswordGrant,
    RefreshGrant,
    Registration,
    TokenView,
    UserView,
)
from chalicelib.call import Call
from chalicelib.operation import Scope
from chalicelib.web import Routes

routes = Routes(__name__, service.authenticate, "accounts")


@routes.post("/v1/users", scope=Scope.PUBLIC, request=Registration, response=UserView, status=201)
def register(call: Call[Registration]) -> UserView:
    """Register a user, usable at once."""
    return service.register(call.body)


@routes.post("/v1/tokens", scope=Scope.PUBLIC, request=PasswordGrant, response=TokenView)
def log_in(call: Call[PasswordGrant]) -> TokenView:
    """Log in with username and password."""
    return service.log_in(call.body.username, call.body.password)


@routes.post("/v1/tokens/refresh", scope=Scope.PUBLIC, request=RefreshGrant, response=TokenView)
def refresh(call: Call[RefreshGrant]) -> TokenView:
    """Give new tokens for a refresh token, which is void afterwards."""
    return service.refresh(call.body.refresh_token)


@routes.post("/v1/bridges", scope=Scope.USER, request=NewBridge, response=BridgeView, status=201)
def add_bridge(call: Call[NewBridge]) -> BridgeView:
    """Make a bridge and show its credential, once."""
    return service.add_bridge(call.caller.user_id, call.body.name)
