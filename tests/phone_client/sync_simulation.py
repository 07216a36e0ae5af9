"""A user with several phones, days without network, a bad network and empty batteries; at the end all must agree."""

import random
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phone_client import ClientError, NetworkError
from phone_client.scorebook import EntryError
from phone_client.scorebook.reading import Entry
from tests.phone_client.phones import BadNetwork, Killed, Phone, Server
from tests.phone_client.sync_expectations import Report, Told, Witness, disagreements
from tests.phone_client.sync_model import Fields, Key, ModelServer

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_S = 86_400.0
OWN_FIELDS = ("board", "stance", "target", "breakpoint", "impact_board", "speed_mph", "side", "position")
"""Each phone alone writes one of these, so that its last value must be there in the end."""
MOST_PHONES = len(OWN_FIELDS)
_ROUNDS = 40


class Simulation:
    """One run, the same for the same seed.

    Args:
        seed: Everything by chance follows from it.
        folder: Where the phones keep their databases.
        server: Of one user, with nothing in it.
        operations: How many the phones do.
        upset: Now and then, also right before a batch arrives, does something to the server that may lose what it had:
            then it is only checked that all agree, and that no edit ended without having arrived or been asked about.
    """

    def __init__(
        self, seed: int, folder: Path, server: Server, operations: int, upset: "Callable[[], None] | None" = None
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a run must be repeatable
        self.server = server
        self.operations = operations
        self.upset = upset
        self.told = Told()
        self.report = Report()
        self.marks = 0
        count = self.chance.randint(3, MOST_PHONES)
        self.phones = [self._phone(number, folder / f"phone-{number}") for number in range(count)]

    def _phone(self, number: int, folder: Path) -> Phone:
        chance = random.Random(self.chance.random())  # noqa: S311 - the same
        live = self.server.live if isinstance(self.server, ModelServer) else None
        network = BadNetwork(Witness(self.server, self.told, number, live), chance, faults=0.35)
        if self.upset:
            network.before_push = lambda: self._upset_sometimes(0.1 if network.faults else 0.0)
        off_s = chance.choice((0.0, DAY_S, -DAY_S, 30.0))
        return Phone(number, folder, network, chance, lambda: self.server.now_s, off_s)

    def run(self) -> Report:
        """Do everything and return what was wrong in the end."""
        try:
            for _ in range(self.operations):
                self._step()
            self._heal()
            live = self.server.live()
            self.report.entries = len(live)
            shown = {phone.number: phone.shown() for phone in self.phones}
            self.report.failures += disagreements(shown, live)
            self.report.failures += self.told.unheard() if self.upset else self.told.losses(live)
        finally:
            for phone in self.phones:
                phone.close()
        return self.report

    def _step(self) -> None:
        self.server.now_s += self.chance.choice((0.5, 3.0, 20.0, 4000.0))
        if self.chance.random() < 0.1:
            self.server.work()
        self._upset_sometimes(0.05)
        phone = self.chance.choice(self.phones)
        if self.chance.random() < 0.08:
            phone.kill_soon()
        actions: list[tuple[int, Callable[[Phone], None]]] = [
            (30, self._make),
            (25, self._write_own),
            (12, self._write_shared),
            (3, self._delete),
            (25, self._sync),
            (5, self._decide),
        ]
        action = self.chance.choices([each for _, each in actions], [weight for weight, _ in actions])[0]
        self.report.operations += 1
        try:
            action(phone)
        except Killed as killed:
            self.report.kills += 1
            phone.revive(killed)
            return
        phone.stays_alive()

    def _upset_sometimes(self, how_often: float) -> None:
        if self.upset and self.chance.random() < how_often:
            self.upset()

    def _pick(self, phone: Phone, *kinds: str) -> Entry | None:
        """Return any entry that the phone's user sees; twice the same kind is twice as likely."""
        with phone.database.reading() as db:
            counts = [db.execute(f"SELECT count(*) FROM {kind}s").fetchone()[0] for kind in kinds]  # noqa: S608
            if not sum(counts):
                return None
            (kind,) = self.chance.choices(kinds, counts)
            at = self.chance.randrange(counts[kinds.index(kind)])
            query = f"SELECT id FROM {kind}s ORDER BY entry LIMIT 1 OFFSET ?"  # noqa: S608
            (entry_id,) = db.execute(query, (at,)).fetchone()
        return phone.book.get(kind, entry_id)

    def _make(self, phone: Phone) -> None:
        kind = self.chance.choice(("session", "game", "game", "shot", "shot", "shot", "shot", "ball"))
        self.marks += 1
        mark = f"mark {self.marks} 🎳\x00"
        fields: Fields = {"comment": mark}
        if kind in {"game", "shot"}:
            above = self._pick(phone, "session" if kind == "game" else "game")
            if above is None:
                kind = "session"
            elif kind == "game":
                fields |= {"session_id": above.id, "game_number": self.chance.randint(1, 6)}
            else:
                fields |= {"session_id": above.fields["session_id"], "game_id": above.id, "shot_number": 2}
                fields |= {"frame_number": self.chance.randint(1, 10), "count": self.chance.randint(0, 10)}
        if kind == "session":
            fields |= {"started_at": "2026-11-24T18:00:00+01:00"}
        if kind == "ball":
            fields |= {"name": mark, "weight_lb": self.chance.choice((15, 14.5))}
        entry_id = phone._ids.new()
        key = (kind, entry_id)
        links = [("session", fields.get("session_id")), ("game", fields.get("game_id"))]
        self.told.above[key] = [(above_kind, above_id) for above_kind, above_id in links if above_id]
        self._expect_value(key, "count", fields.get("count"))
        self.told.seen.add((phone.number, key, "count", fields.get("count")))
        try:
            phone.book.add(kind, entry_id, **fields)
        except Killed:
            self._note_made(phone, key, mark, is_certain=False)
            raise
        self._note_made(phone, key, mark)

    def _note_made(self, phone: Phone, key: Key, mark: str, *, is_certain: bool = True) -> None:
        if is_certain or not phone.database.dies_before:
            self.told.made[key] = mark

    def _expect_value(self, key: Key, name: str, value: Any) -> None:
        self.told.written.setdefault((key, name), set()).add(value)

    def _write_own(self, phone: Phone) -> None:
        entry = self._pick(phone, "shot")
        if entry is None:
            return
        self.marks += 1
        name = OWN_FIELDS[phone.number]
        value: Any = f"place {self.marks}" if name in {"side", "position"} else self.marks / 1024
        key = ("shot", entry.id)
        self._write(phone, key, name, value, self.told.last)

    def _write_shared(self, phone: Phone) -> None:
        entry = self._pick(phone, "shot", "game")
        if entry is None:
            return
        name, most = ("count", 10) if entry.type == "shot" else ("entered_score", 300)
        value = self.chance.randint(0, most)
        key = entry.type, entry.id
        self._expect_value(key, name, value)
        self.told.seen |= {(phone.number, key, name, entry.fields.get(name)), (phone.number, key, name, value)}
        if entry.fields.get(name) != value:
            self._write(phone, key, name, value, {})

    def _write(self, phone: Phone, key: Key, name: str, value: Any, last: dict[tuple[Key, str], Any]) -> None:
        try:
            phone.book.change(*key, {name: value})
        except Killed:
            if not phone.database.dies_before:
                self._note_written(phone, key, name, value, last)
            raise
        self._note_written(phone, key, name, value, last)

    def _note_written(self, phone: Phone, key: Key, name: str, value: Any, last: dict[tuple[Key, str], Any]) -> None:
        last[key, name] = value
        # Of a copy that a decision made it is not noted what it stands below, and so not what is deleted with it.
        if key in self.told.above:
            self.told.edits[phone.number, key, name] = value

    def _delete(self, phone: Phone) -> None:
        entry = self._pick(phone, "shot", "shot", "game", "session")
        if entry is not None:
            key = (entry.type, entry.id)
            self.told.delete(phone.number, key)
            # Should another phone bring it back, this one's unsent edits of it went with the deletion.
            self.told.last.pop((key, OWN_FIELDS[phone.number]), None)
            phone.book.delete(entry.type, entry.id)

    def _sync(self, phone: Phone) -> None:
        self.report.syncs += 1
        try:
            phone.sync()
        except NetworkError:
            self.report.broken_syncs += 1

    def _decide(self, phone: Phone, keep: float = 0.5) -> None:
        for held in phone.decisions.every():
            place = phone.number, (held.mine.type, held.mine.id)
            self.told.offered |= {(*place, name, value) for name, value in held.mine.fields.items()}
            self.told.seen |= {(*place, name, (held.theirs or {}).get(name)) for name in held.mine.fields}
            shown = phone.book.get(*place[1])
            self.told.seen |= {(*place, name, shown.fields.get(name)) for name in held.mine.fields if shown}
        for held in phone.decisions.every():
            if held.mine.number not in {each.mine.number for each in phone.decisions.every()}:
                continue  # decided by what was decided before
            self.report.decisions += 1
            key = (held.mine.type, held.mine.id)
            # What the user drops, or makes anew, is no more expected where it was.
            is_kept = held.mine.reason != "rejected" and self.chance.random() < keep
            if not is_kept or held.mine.reason == "deleted":
                self.told.released.add(key)
            if is_kept and held.mine.op == "delete":
                self.told.delete(phone.number, key)
            if is_kept:
                with suppress(EntryError, ClientError):
                    phone.decisions.keep(held.mine.number)
                    continue
            self.told.released.add(key)
            phone.decisions.take(held.mine.number)

    def _heal(self) -> None:
        for phone in self.phones:
            assert isinstance(phone.network, BadNetwork)
            phone.network.faults = 0.0
        for at in range(_ROUNDS):
            self.server.now_s += 60.0
            self.server.work()
            outcomes = [phone.sync() for phone in self.phones]
            for phone in self.phones:
                self._decide(phone, keep=0.3 if at < 3 else 0.0)
            is_settled = at > 3 and not any(each.unsent or each.held_in_all for each in outcomes)
            if is_settled and all(phone.shown() == self.server.live() for phone in self.phones):
                return
        self.report.failures.append("The phones do not come to rest.")
