"""Whole sessions, statistics, and which capture may be of which shot, over HTTP."""

from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.service import authenticate
from chalicelib.call import Call, Reply
from chalicelib.captures.model import CaptureId
from chalicelib.operation import Scope
from chalicelib.preconditions import entity_tag
from chalicelib.scorebook import entry_examples, figures, proposals, sessions
from chalicelib.scorebook.busy import ScorebookBusy
from chalicelib.scorebook.entry_fields import EntryId
from chalicelib.scorebook.figures_model import StatisticsAnswer, StatisticsQuery
from chalicelib.scorebook.game_model import CaptureProposals, SessionTree, ShotProposals
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "scorebook")


@routes.get(
    "/v1/sessions/{session_id}/tree",
    scope=Scope.USER,
    response=SessionTree,
    parameters={"session_id": EntryId},
    problems=(ScorebookBusy,),
    etag=True,
    answer_example=entry_examples.TREE,
)
def get_session_tree(call: Call[None], session_id: str) -> Reply:
    """Show a session with its games, frames, shots and scores.

    A shot that names a capture which is not there has `capture_missing` true.
    """
    tree = sessions.show_tree(call.caller.user_id, session_id)
    return Reply(tree, headers={"ETag": entity_tag(tree.ver)})


@routes.get(
    "/v1/statistics",
    scope=Scope.USER,
    response=StatisticsAnswer,
    query=StatisticsQuery,
    problems=(AccountClosing, ScorebookBusy),
    answer_example=entry_examples.STATISTICS,
)
def get_statistics(call: Call[None]) -> StatisticsAnswer:
    """Count one's games, frames and shots, in numerators and denominators.

    It reads the sessions of the time from `from` to `to`, and of those that the other filters leave all entries.
    """
    return figures.show(call.caller.user_id, call.query)


@routes.get(
    "/v1/shots/{shot_id}/capture-proposals",
    scope=Scope.USER,
    response=CaptureProposals,
    parameters={"shot_id": EntryId},
    problems=(AccountClosing, ScorebookBusy),
    answer_example=entry_examples.CAPTURE_PROPOSALS,
)
def propose_captures(call: Call[None], shot_id: str) -> CaptureProposals:
    """Propose captures that may be of a shot, the best first.

    Captures that began within 10 minutes of the shot's `thrown_at`; where that was not noted, during its session. One
    is confirmed by a PATCH of the shot's `capture_id`.
    """
    return proposals.captures_for(call.caller.user_id, shot_id)


@routes.get(
    "/v1/captures/{capture_id}/shot-proposals",
    scope=Scope.USER,
    response=ShotProposals,
    parameters={"capture_id": CaptureId},
    problems=(AccountClosing, ScorebookBusy),
    answer_example=entry_examples.SHOT_PROPOSALS,
)
def propose_shots(call: Call[None], capture_id: str) -> ShotProposals:
    """Propose shots that may be a capture's, the best first; one that names it already has the reason `linked`.

    Shots within 10 minutes of the capture's beginning, or without a time, of sessions that began in the 12 hours before
    it.
    """
    return proposals.shots_for(call.caller.user_id, capture_id)
