"""Accounts over HTTP."""

from chalicelib.accounts import bridges, service
from chalicelib.accounts.model import (
    BridgeIdentity,
    BridgeList,
    BridgeView,
    Heartbeat,
    HeartbeatReply,
    NewBridge,
    PasswordGrant,
    RefreshGrant,
    Registration,
    TokenView,
    UserView,
)
from chalicelib.lists import decode_limit
from chalicelib.web import Call, Routes, Scope

routes = Routes(__name__, service.authenticate)


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


@routes.get("/v1/bridges", scope=Scope.USER, response=BridgeList, query=("limit", "cursor"))
def list_bridges(call: Call[None]) -> BridgeList:
    """List one's bridges, each with its last heartbeat."""
    limit = decode_limit(call.query.get("limit"))
    return bridges.overview(call.caller.user_id, limit, bridges.decode_cursor(call.query.get("cursor")))


@routes.get("/v1/bridges/me", scope=Scope.BRIDGE, response=BridgeIdentity)
def get_own_bridge(call: Call[None]) -> BridgeIdentity:
    """Tell a bridge which one it is, and the server's time."""
    return bridges.identify(call.caller)


@routes.put("/v1/bridges/me/heartbeat", scope=Scope.BRIDGE, request=Heartbeat, response=HeartbeatReply)
def put_heartbeat(call: Call[Heartbeat]) -> HeartbeatReply:
    """Keep how a bridge says it is, in the place of what it said before."""
    return bridges.note_heartbeat(call.caller, call.body)
