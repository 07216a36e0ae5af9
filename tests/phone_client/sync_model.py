"""The server as docs/sync.md describes it, in memory and as plainly as can be: what phones are tested against."""

import copy
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from phone_client import NotSentError
from phone_client.errors import ProblemError
from phone_client.model import Problem
from phone_client.sync import PullReply, PushBatch, PushReply

HOT_S = 10.0
MOST_AHEAD_S = 300.0
LARGEST_PUSH = 1000
SCORE_FIELDS = {
    "game": {"entered_score"},
    "shot": {"pins_standing", "count", "foul", "frame_number", "shot_number"},
}
PARENTS = {
    "game": {"session_id": "session"},
    "frame": {"game_id": "game"},
    "shot": {"session_id": "session", "game_id": "game"},
}
RANKS = ("ball", "establishment", "event", "session", "game", "frame", "shot")

Key = tuple[str, str]
Fields = dict[str, Any]


@dataclass
class ModelEntry:
    """An entry, with the version at which each field last changed and when that edit was made, and it itself was."""

    type: str
    id: str
    ver: int
    seq: int
    deleted: bool
    fields: Fields
    field_vers: dict[str, int] = field(default_factory=dict)
    field_times: dict[str, float] = field(default_factory=dict)
    made_s: float = 0.0

    def view(self) -> Fields:
        """Return it as a client sees it; of a deleted entry without its fields."""
        fields = {} if self.deleted else self.fields
        return {"id": self.id, "type": self.type, "ver": self.ver, "deleted": self.deleted, "fields": fields}


class ModelServer:
    """One user's entries.

    Attributes:
        now_s: The server's time.
        entries: Everything, tombstones included.
    """

    def __init__(self) -> None:
        self.now_s = 1_790_000_000.0
        self.entries: dict[Key, ModelEntry] = {}
        self.epoch = "epoch-1"
        self.seq = self.previous_seq = 0
        self.changed_at_s = 0.0
        self.issue = 1
        self.batches: dict[str, tuple[str, list[Fields]]] = {}
        self.unswept: list[Key] = []
        self.problems: list[ProblemError] = []

    def push(self, batch: PushBatch) -> PushReply:
        """Carry out a batch, once."""
        if self.problems:
            raise self.problems.pop(0)
        changes = [json.loads(msgspec.json.encode(change)) for change in batch.changes]
        if len(changes) > LARGEST_PUSH:
            raise problem(413, "too-large")
        content = json.dumps(changes, sort_keys=True)
        known = self.batches.get(batch.batch_id)
        if known and known[0] != content:
            raise problem(409, "batch-changed")
        results = known[1] if known else self._carry_out(changes)
        self.batches[batch.batch_id] = (content, results)
        answer = {"results": [self._with_row(result) for result in results], **self._integrity()}
        return msgspec.json.decode(json.dumps(answer), type=PushReply)

    def _carry_out(self, changes: list[Fields]) -> list[Fields]:
        before, results = self.seq, {}
        for at in sorted(range(len(changes)), key=lambda at: RANKS.index(changes[at]["type"])):
            results[at] = self._take(changes[at])
        if self.seq > before:
            self.previous_seq, self.changed_at_s = before, self.now_s
        return [results[at] for at in range(len(changes))]

    def _with_row(self, result: Fields) -> Fields:
        row = self.entries.get((result["type"], result["id"]))
        with_row = result["status"] in {"merged", "conflict"} and row
        if not with_row or row is None:
            return result
        return {**result, "server": {**row.view(), "deleted": row.deleted or not self._parents_live(row)}}

    def _take(self, change: Fields) -> Fields:
        row = self.entries.get((change["type"], change["id"]))
        said = self._decide(change, row)
        row = self.entries.get((change["type"], change["id"]))
        result = {"id": change["id"], "type": change["type"], "status": said, "ver": row.ver if row else 0}
        if said == "rejected":
            kind = f"urn:problem-type:revmetrix:{self._why(row, change)}"
            result["problem"] = {"type": kind, "title": "It cannot be kept.", "status": 422}
        return result

    def _why(self, row: ModelEntry | None, change: Fields) -> str:
        if row is None and change["op"] == "patch":
            return "nothing-there"
        fields = {**(row.fields if row else {}), **change["fields"]}
        links = [(kind, fields[name]) for name, kind in PARENTS.get(change["type"], {}).items() if fields.get(name)]
        return "parent-deleted" if all(link in self.entries for link in links) else "parent-missing"

    def _decide(self, change: Fields, row: ModelEntry | None) -> str:
        edited_s = min(_seconds(change["edited_at"]), self.now_s + MOST_AHEAD_S)
        base, fields = change.get("base_ver", 0), change.get("fields", {})
        if change["op"] == "delete":
            return self._delete(row, base)
        if row is None:
            return self._create(change, edited_s) if change["op"] == "put" else "rejected"
        is_gone = row.deleted or not self._parents_live(row)
        if change["op"] == "put":
            assert base == 0
            return "conflict" if is_gone else self._put_over(row, fields, edited_s)
        return self._patch(row, base, fields, edited_s, is_gone=is_gone)

    def _create(self, change: Fields, edited_s: float) -> str:
        row = ModelEntry(change["type"], change["id"], 0, 0, deleted=False, fields={}, made_s=edited_s)
        if not self._parents_live(row, change["fields"]):
            return "rejected"
        self.entries[row.type, row.id] = row
        self._write(row, change["fields"], edited_s)
        return "applied"

    def _put_over(self, row: ModelEntry, fields: Fields, edited_s: float) -> str:
        names = row.fields.keys() | fields.keys()
        if all(row.fields.get(name) == fields.get(name) for name in names):
            return "duplicate"
        self._write(row, {k: v for k, v in fields.items() if self._is_later(row, k, v, edited_s)}, edited_s)
        return "merged"

    def _patch(self, row: ModelEntry, base: int, fields: Fields, edited_s: float, *, is_gone: bool) -> str:
        if base == row.ver and not is_gone:
            self._write(row, {k: v for k, v in fields.items() if k not in row.fields or row.fields[k] != v}, edited_s)
            return "applied"
        differing = {name: value for name, value in fields.items() if row.fields.get(name) != value}
        since = {name for name in differing if base > row.ver or row.field_vers.get(name, 1) > base}
        scores = SCORE_FIELDS.get(row.type, set()) & differing.keys()
        later = {k: v for k, v in differing.items() if k not in since or self._is_later(row, k, v, edited_s)}
        if is_gone and scores:
            if not self._parents_live(row):
                return "rejected"
            row.deleted = False
            self._write(row, {k: v for k, v in differing.items() if k in scores or k in later}, edited_s)
            return "applied"
        if since & scores:
            return "conflict"
        if row.deleted or not is_gone:
            # What is written into a tombstone is there again when a score brings the entry back.
            self._write(row, later, edited_s)
        return "merged"

    def _is_later(self, row: ModelEntry, name: str, value: Any, edited_s: float) -> bool:
        return row.fields.get(name) != value and edited_s > row.field_times.get(name, row.made_s)

    def _delete(self, row: ModelEntry | None, base: int) -> str:
        if row is None or row.deleted:
            return "duplicate"
        scores = SCORE_FIELDS.get(row.type, set())
        changed = any(base > row.ver or row.field_vers.get(name, 1) > base for name in scores & row.field_vers.keys())
        if base not in (0, row.ver) and changed:
            return "conflict"
        self._bury(row)
        if row.type in {"session", "game"}:
            self.unswept.append((row.type, row.id))
        return "applied"

    def _write(self, row: ModelEntry, fields: Fields, edited_s: float) -> None:
        if not fields and row.ver:
            return
        row.ver += 1
        self.seq += 1
        row.seq = self.seq
        row.fields = {**row.fields, **fields}
        row.field_vers |= dict.fromkeys(fields, row.ver)
        row.field_times |= dict.fromkeys(fields, edited_s)

    def _bury(self, row: ModelEntry) -> None:
        row.deleted = True
        row.ver += 1
        self.seq += 1
        row.seq = self.seq

    def _parents_live(self, row: ModelEntry, fields: Fields | None = None) -> bool:
        fields = row.fields if fields is None else fields
        for name, kind in PARENTS.get(row.type, {}).items():
            parent = self.entries.get((kind, fields[name])) if fields.get(name) else None
            if fields.get(name) and (parent is None or parent.deleted or not self._parents_live(parent)):
                return False
        return True

    def work(self) -> None:
        """Remove what stood below what was deleted."""
        before = self.seq
        while self.unswept:
            self.unswept.pop()
            for row in list(self.entries.values()):
                if not row.deleted and not self._parents_live(row):
                    self._bury(row)
        if self.seq > before:
            self.previous_seq, self.changed_at_s = before, self.now_s

    def pull(self, cursor: str | None, limit: int) -> PullReply:
        """Return a page of the feed."""
        epoch, after, issued = (cursor or f"{self.epoch}/0/{self.issue}").split("/")
        if epoch != self.epoch or int(issued) != self.issue:
            return msgspec.convert({"changes": [], "cursor": None, "more": True, "reset": True}, PullReply)
        rows = sorted((row for row in self.entries.values() if row.seq > int(after)), key=lambda row: row.seq)
        page = rows[:limit]
        more = len(rows) > limit
        is_hot = self.now_s - self.changed_at_s < HOT_S
        at = page[-1].seq if more else self.previous_seq if is_hot else self.seq
        answer = {"changes": [row.view() for row in page], "cursor": f"{self.epoch}/{at}/{self.issue}", "more": more}
        if not more and not is_hot:
            answer |= self._integrity()
        return msgspec.json.decode(json.dumps(answer), type=PullReply)

    def live(self) -> dict[Key, Fields]:
        """Return the fields of all live entries."""
        rows = (row for row in self.entries.values() if not row.deleted)
        return {(row.type, row.id): without_nulls(row.fields) for row in rows}

    def _integrity(self) -> Fields:
        rows = sorted((row for row in self.entries.values() if not row.deleted), key=lambda row: row.id)
        lines = "\n".join(f"{row.id}:{row.ver}" for row in rows)
        return {"count": len(rows), "checksum": hashlib.sha256(lines.encode()).hexdigest()[:16]}

    def snapshot(self) -> dict[str, Any]:
        """Return a backup."""
        return copy.deepcopy({"entries": self.entries, "seq": self.seq, "unswept": self.unswept})

    def restore(self, backup: dict[str, Any], epoch: str) -> None:
        """Go back to a backup, under a new epoch."""
        kept = copy.deepcopy(backup)
        self.entries, self.seq, self.unswept = kept["entries"], kept["seq"], kept["unswept"]
        self.previous_seq, self.epoch, self.batches = self.seq, epoch, {}

    def forget_tombstones(self) -> None:
        """Remove all tombstones: cursors from before are of no use, and answers to batches went long before."""
        self.entries = {key: row for key, row in self.entries.items() if not row.deleted}
        self.issue += 1
        self.batches = {}


def problem(status: int, name: str) -> ProblemError:
    """Return a refusal."""
    return ProblemError(Problem(f"It is {name}.", status, f"urn:problem-type:revmetrix:{name}"))


def lost() -> NotSentError:
    """Return what a phone without network sees."""
    return NotSentError("There is no network.")


def without_nulls(fields: Fields) -> Fields:
    """Return fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
