"""Entries over HTTP: the same six routes for each type, made from the table of types."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts.closing import AccountClosing
from chalicelib.accounts.service import authenticate
from chalicelib.call import Call, Reply
from chalicelib.operation import Scope
from chalicelib.preconditions import PreconditionFailed, PreconditionRequired, entity_tag, read_if_match
from chalicelib.scorebook import entries, entry_examples, listing, sessions
from chalicelib.scorebook.busy import ScorebookBusy
from chalicelib.scorebook.entries import EntryBeingRemoved, Wanted
from chalicelib.scorebook.entry_fields import EntryId
from chalicelib.scorebook.entry_model import EntryAnswer, EntryForms, EntryList, forms_of
from chalicelib.scorebook.entry_types import ENTRY_TYPES, EntryType
from chalicelib.scorebook.game_model import GameAnswer, ShotAnswer
from chalicelib.scorebook.scoring import answer_of
from chalicelib.web import Routes

routes = Routes(__name__, authenticate, "scorebook")
_WRITING = (AccountClosing, ScorebookBusy)
_ARTICLES = {"establishment": "an", "event": "an"}
_SHOWN: Mapping[str, tuple[type[EntryAnswer], Callable[[str, str], EntryAnswer]]] = {
    "game": (GameAnswer, sessions.show_game),
    "shot": (ShotAnswer, sessions.show_shot),
}
"""Types of which more is shown than an entry."""


@dataclass(frozen=True, slots=True)
class _TypeRoutes:
    """The routes of a type.

    Attributes:
        entry_type: The type.
        forms: What its routes ask for and answer.
    """

    entry_type: EntryType
    forms: EntryForms

    def declare(self) -> None:
        kind, plural = self.entry_type.name, self.entry_type.plural
        one = f"/v1/{plural}/{{{kind}_id}}"
        named = {"parameters": {f"{kind}_id": EntryId}, "scope": Scope.USER}
        content = entry_examples.answer(kind)
        plain = EntryAnswer(content.id, 1, content.updated_at, content.fields)
        shown = {"etag": True, "answer_example": plain}
        body = {"request": self.forms.content, "example": self.forms.content(content.fields)}
        routes.get(
            f"/v1/{plural}",
            scope=Scope.USER,
            response=self.forms.list,
            query=self.forms.query,
            problems=_WRITING,
            answer_example=EntryList((plain,), None),
        )(
            self._view(
                self.list_page, f"list_{plural}", f"List {plural}{_ORDER.get(kind, ', in the order of their ids')}."
            )
        )
        routes.get(
            one,
            **named,
            response=self.forms.answer,
            problems=_WRITING,
            etag=True,
            answer_example=content,
        )(self._view(self.show, f"get_{kind}", f"Show {self._a}{_MORE.get(kind, '')}."))
        routes.put(
            one,
            **named,
            **body,
            **shown,
            response=self.forms.entry,
            also={201: self.forms.entry},
            problems=(PreconditionRequired, PreconditionFailed, EntryBeingRemoved, *_WRITING),
            headers={
                "If-Match": "The ETag of the version that is to be replaced, or *; this or If-None-Match.",
                "If-None-Match": "`*` to make a new one.",
            },
        )(self._view(self.put, f"put_{kind}", f"Make {self._a} under an id of one's own (201), or replace it."))
        routes.patch(
            one,
            **named,
            **shown,
            request=self.forms.change,
            example=self.forms.change(entry_examples.CHANGES[kind]),
            response=self.forms.entry,
            problems=_WRITING,
            if_match=True,
        )(self._view(self.patch, f"change_{kind}", f"Change some fields of {self._a}; what is not named stays."))
        routes.delete(one, **named, problems=_WRITING, if_match=True)(
            self._view(self.delete, f"delete_{kind}", f"Delete {self._a}{_AND_BELOW.get(kind, '')}.")
        )

    @property
    def _a(self) -> str:
        return f"{_ARTICLES.get(self.entry_type.name, 'a')} {_CALLED.get(self.entry_type.name, self.entry_type.name)}"

    @staticmethod
    def _view(act: Callable[..., Any], name: str, summary: str) -> Callable[..., Any]:
        """Return a view, with the name and the summary that its declaration takes from it."""

        def view(call: Call[Any], **path: str) -> Any:
            return act(call, *path.values())

        view.__name__, view.__doc__ = name, summary
        return view

    def list_page(self, call: Call[None]) -> EntryList:
        return listing.page(call.caller.user_id, self.entry_type, call.query)

    def show(self, call: Call[None], entry_id: str) -> Reply:
        _, find = _SHOWN.get(self.entry_type.name, (None, self._show_plain))
        return _reply(find(call.caller.user_id, entry_id))

    def _show_plain(self, user_id: str, entry_id: str) -> EntryAnswer:
        return answer_of(entries.show(user_id, (self.entry_type.name, entry_id)))

    def put(self, call: Call[Any], entry_id: str) -> Reply:
        user_id, key = call.caller.user_id, (self.entry_type.name, entry_id)
        if_none_match = call.headers.get("if-none-match")
        if if_none_match is None:
            versions = read_if_match(call.headers.get("if-match"))
            return _reply(entries.change(Wanted(user_id, key, "put", call.body.fields), versions))
        if if_none_match.strip() != "*" or call.headers.get("if-match") is not None:
            raise PreconditionFailed("Send If-None-Match: * alone to make an entry. Nothing was changed.")
        return _reply(entries.create(user_id, key, call.body.fields), 201)

    def patch(self, call: Call[Any], entry_id: str) -> Reply:
        wanted = Wanted(call.caller.user_id, (self.entry_type.name, entry_id), "patch", call.body.fields)
        return _reply(entries.change(wanted, call.if_match))

    def delete(self, call: Call[None], entry_id: str) -> Reply:
        entries.change(Wanted(call.caller.user_id, (self.entry_type.name, entry_id), "delete"), call.if_match)
        return Reply(None)


def _reply(answer: EntryAnswer, status: int | None = None) -> Reply:
    return Reply(answer, status, {"ETag": entity_tag(answer.ver)})


_CALLED = {"frame": "note about a frame"}
_ORDER = {
    "session": ", the newest first",
    "game": "; those of a session in the order of the tree",
    "frame": "; those of a game in the order of the tree",
    "shot": "; those of a session or game in the order of the tree",
}
_MORE = {"game": " with its score", "shot": " with the capture that it names"}
_AND_BELOW = {"session": " and everything in it", "game": " and everything in it"}

for each in ENTRY_TYPES.values():
    _TypeRoutes(each, forms_of(each, _SHOWN[each.name][0] if each.name in _SHOWN else None)).declare()
