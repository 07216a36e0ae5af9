"""Synchronisation over HTTP."""

from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.service import authenticate
from chalicelib.call import Call
from chalicelib.operation import Scope
from chalicelib.scorebook import examples, pulling, pushing
from chalicelib.scorebook.busy import ScorebookBusy
from chalicelib.scorebook.model import LARGEST_PUSH_BYTES, PullQuery, PullReply, PushReply, PushRequest
from chalicelib.scorebook.writing import BatchReused
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "scorebook")


@routes.post(
    "/v1/sync/push",
    scope=Scope.USER,
    request=PushRequest,
    response=PushReply,
    largest_bytes=LARGEST_PUSH_BYTES,
    problems=(AccountClosing, BatchReused, ScorebookBusy),
    example=examples.PUSH,
    answer_example=examples.PUSHED,
)
def push(call: Call[PushRequest]) -> PushReply:
    """Take changes that a client made, and tell what became of each.

    Each change is judged by itself: one that is rejected keeps none of the others. When the answer is lost, the same
    push is sent again under the same `batch_id`: it answers the same and changes nothing, for 30 days.
    """
    return pushing.push(call.caller.user_id, call.body)


@routes.get(
    "/v1/sync/pull",
    scope=Scope.USER,
    response=PullReply,
    query=PullQuery,
    problems=(AccountClosing, ScorebookBusy),
    answer_example=examples.PULLED,
)
def pull(call: Call[None]) -> PullReply:
    """Tell what changed since a cursor, in the order of the changes.

    Repeat it with the new cursor while `more` is true. A cursor is of one user's feed; another one's, one that is older
    than 180 days, or one of before a restore begins at the beginning, with `reset` true.
    """
    return pulling.pull(call.caller.user_id, call.query)
