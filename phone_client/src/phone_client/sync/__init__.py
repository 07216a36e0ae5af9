"""Sync: the phone's database and the server's brought together, whatever is lost on the way."""

from phone_client.sync.background import BackgroundSync, SyncStatus
from phone_client.sync.decisions import Decisions, Held
from phone_client.sync.engine import SyncEngine, SyncOutcome
from phone_client.sync.http import HttpSync
from phone_client.sync.messages import (
    PullReply,
    PushBatch,
    PushChange,
    PushReply,
    PushResult,
    ServerEntry,
    SyncTransport,
)

__all__ = [
    "BackgroundSync",
    "Decisions",
    "Held",
    "HttpSync",
    "PullReply",
    "PushBatch",
    "PushChange",
    "PushReply",
    "PushResult",
    "ServerEntry",
    "SyncEngine",
    "SyncOutcome",
    "SyncStatus",
    "SyncTransport",
]
