"""Bridges and their enrolment over HTTP."""

from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.logins import AccountLocked
from chalicelib.accounts.service import authenticate
from chalicelib.accounts.throttling import TooManyTries
from chalicelib.call import Call, Reply
from chalicelib.devices import bridges, examples, pairings
from chalicelib.devices.bridge_model import BridgeIdentity, BridgeList, BridgeView, Heartbeat, HeartbeatReply, NewBridge
from chalicelib.devices.model import BridgeId, NewPairing, PairedBridge, PairingApproval, PairingView
from chalicelib.operation import ListQuery, Scope
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "devices")


@routes.post(
    "/v1/bridges",
    scope=Scope.USER,
    request=NewBridge,
    response=BridgeView,
    status=201,
    login_checked=True,
    problems=(AccountClosing,),
    example=examples.NEW,
    answer_example=examples.MADE,
)
def add_bridge(call: Call[NewBridge]) -> BridgeView:
    """Make a bridge and show its credential, once."""
    return bridges.add_bridge(call.caller.user_id, call.body.name, call.body.kind)


@routes.get(
    "/v1/bridges",
    scope=Scope.USER,
    response=BridgeList,
    query=ListQuery,
    login_checked=True,
    answer_example=examples.LIST,
)
def list_bridges(call: Call[None]) -> BridgeList:
    """List one's bridges, each with its last heartbeat."""
    return bridges.overview(call.caller.user_id, call.query.limit, bridges.decode_cursor(call.query.cursor))


@routes.delete("/v1/bridges/{bridge_id}", scope=Scope.USER, parameters={"bridge_id": BridgeId}, login_checked=True)
def remove_bridge(call: Call[None], bridge_id: str) -> Reply:
    """Remove a bridge; its credential stops at once.

    What it brought stays where it is.
    """
    bridges.remove_bridge(call.caller.user_id, bridge_id)
    return Reply(None)


@routes.get(
    "/v1/bridges/me",
    scope=Scope.BRIDGE,
    response=BridgeIdentity,
    problems=(AccountLocked,),
    answer_example=examples.IDENTITY,
)
def get_own_bridge(call: Call[None]) -> BridgeIdentity:
    """Tell a bridge which one it is, and the server's time.

    A bridge that waits for the approval of its pairing asks here: it is answered 401 until then.
    """
    return bridges.identify(call.caller)


@routes.put(
    "/v1/bridges/me/heartbeat",
    scope=Scope.BRIDGE,
    request=Heartbeat,
    response=HeartbeatReply,
    problems=(AccountLocked,),
    example=examples.HEARTBEAT,
    answer_example=examples.HEARD,
)
def put_heartbeat(call: Call[Heartbeat]) -> HeartbeatReply:
    """Keep how a bridge says it is, in the place of what it said before."""
    return bridges.note_heartbeat(call.caller, call.body)


@routes.post(
    "/v1/pairings",
    scope=Scope.PUBLIC,
    request=NewPairing,
    response=PairingView,
    status=201,
    problems=(pairings.PairingBusy, TooManyTries),
    example=examples.NEW_PAIRING,
    answer_example=examples.PAIRING,
)
def begin_pairing(call: Call[NewPairing]) -> PairingView:
    """Give a bridge a code to show to its user.

    The bridge makes a secret of its own and sends only the secret's SHA-256. Once a user has approved the code, the
    secret is its credential.
    """
    return pairings.begin(call.body.secret_sha256, call.address)


@routes.post(
    "/v1/pairings/approval",
    scope=Scope.USER,
    request=PairingApproval,
    response=PairedBridge,
    status=201,
    also={200: PairedBridge},
    problems=(pairings.PairingCodeInvalid, pairings.PairingTaken, TooManyTries, AccountClosing),
    login_checked=True,
    example=examples.APPROVAL,
    answer_example=examples.PAIRED,
)
def approve_pairing(call: Call[PairingApproval]) -> Reply:
    """Take in the bridge that shows a code: 201, or 200 when one has done so before."""
    bridge, is_new = pairings.approve(call.caller.user_id, call.body)
    return Reply(bridge, status=201 if is_new else 200)
