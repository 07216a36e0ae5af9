"""A phone as the synchronisation sees it: changes of entries, pushes and pulls, as plain JSON."""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from chalicelib.accounts.issuing import token_view
from tests.api import Answer, Api, Bowler
from tests.chalicelib.people import new_user_id

STARTED = "2026-11-24T19:00:00+01:00"
Json = dict[str, Any]


def new_id() -> str:
    """Return an id that no other entry has."""
    return str(uuid.uuid4())


@dataclass
class Phone:
    """A bowler's phone.

    Attributes:
        bowler: Whose it is.
    """

    bowler: Bowler
    _batches: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of_new_user(cls, api: Api) -> Self:
        """Return the phone of a user of this process's cloud who has nothing yet, without a password being hashed."""
        user_id = new_user_id()
        token = token_view(user_id, str(uuid.uuid4()), "none").access_token
        phone = cls(Bowler(api, f"made-{user_id}", token, "none"))
        phone.user_id = user_id
        return phone

    @cached_property
    def user_id(self) -> str:
        """The user's id."""
        return str(self.bowler("GET", "/v1/users/me").json["id"])

    def put(self, kind: str, fields: Json, entry_id: str | None = None) -> Json:
        """Return the change that makes an entry."""
        return {"id": entry_id or new_id(), "type": kind, "op": "put", "fields": fields}

    def shot(self, session_id: str, **fields: Any) -> Json:
        """Return the change that makes a shot."""
        return self.put("shot", {"session_id": session_id, "shot_number": 2, "count": 1, **fields})

    def patch(self, made: Json, base: int, **fields: Any) -> Json:
        """Return the change that changes an entry, given the one that made it."""
        return {"id": made["id"], "type": made["type"], "op": "patch", "base_ver": base, "fields": fields}

    def delete(self, kind: str, entry_id: str, base: int | None = None) -> Json:
        """Return the change that deletes an entry."""
        return {"id": entry_id, "type": kind, "op": "delete", "base_ver": base}

    def session(self) -> str:
        """Make a session, and return its id."""
        change = self.put("session", {"started_at": STARTED})
        assert self.push(change)[0]["status"] == "applied"
        return str(change["id"])

    def send(self, changes: list[Json], batch_id: str) -> Answer:
        """Push changes under a name."""
        return self.bowler("POST", "/v1/sync/push", json={"batch_id": batch_id, "changes": changes})

    def push(self, *changes: Any) -> list[Json]:
        """Push changes, and return what became of each."""
        answer = self.send(list(changes), f"batch-{next(self._batches)}")
        assert answer.status == 200, answer.data
        results: list[Json] = answer.json["results"]
        return results

    def pull(self, cursor: str | None = None, limit: int = 1000) -> Json:
        """Pull a page."""
        place = f"&cursor={cursor}" if cursor is not None else ""
        answer = self.bowler("GET", f"/v1/sync/pull?limit={limit}{place}")
        assert answer.status == 200, answer.data
        page: Json = answer.json
        return page

    def pages(self, cursor: str | None = None, limit: int = 1000) -> Iterator[Json]:
        """Yield the pages from a cursor to the end."""
        while True:
            page = self.pull(cursor, limit)
            yield page
            if not page["more"]:
                return
            cursor = page["cursor"]

    def everything(self) -> dict[tuple[str, str], Json]:
        """Return the feed from its beginning, each entry as it came last."""
        return {(change["type"], change["id"]): change for page in self.pages() for change in page["changes"]}
