"""Exports: asking for one, showing it, and writing it piece by piece, so that a crash loses at most one piece."""

import contextlib
import time
import uuid
from datetime import UTC, datetime

import msgspec

from chalicelib import jobs
from chalicelib.accounts import throttling
from chalicelib.accounts.closing import AccountClosing
from chalicelib.dynamodb import ConditionFailedError
from chalicelib.errors import NotFound
from chalicelib.privacy import bucket, store
from chalicelib.privacy.archive import Archive, Member
from chalicelib.privacy.items import ExportItem
from chalicelib.privacy.model import ExportLink, ExportView
from chalicelib.privacy.sources import Piece, pieces
from chalicelib.privacy.texts import README

KEPT_S = 7 * 24 * 3600
GIVEN_UP_AFTER_S = 24 * 3600
"""An export that is not ready by then counts as failed: its job is among the dead letters."""
PART_BYTES = 8 * 1024 * 1024
"""S3 takes parts from 5 MiB on and at most 10,000 of them, so an archive has about 80 GB at least."""
HELD_S = 16 * 60
"""Longer than the job's function may run."""
WORKING_S = 10 * 60
"""After this long the rest is left to another message; the function is stopped after 15 minutes."""


class Progress(msgspec.Struct):
    """How far an archive is, kept beside it after each part.

    Attributes:
        upload_id: S3's name of the upload in parts.
        etags: S3's names of the parts.
        offset: How long the parts are together.
        members: What is in them.
        source: Which source is being told.
        after: Where in it.
        is_whole: Whether the last part is among them.
    """

    upload_id: str
    etags: list[str] = []
    offset: int = 0
    members: list[Member] = []
    source: int = 0
    after: str | None = None
    is_whole: bool = False


def request(user_id: str) -> ExportView:
    """Ask for an export, unless one is on its way: then that one is shown.

    Raises:
        AccountClosing: The account is being deleted.
        TooManyTries: The user has asked for as many as there are in a day; the last one stays.
    """
    last = store.find(user_id)
    is_under_way = last is not None and _state(last) in {"queued", "running"}
    export = last if last is not None and is_under_way else _new(user_id, last)
    if export.state == "queued":
        # Also for one that was asked for before: its message may never have been sent, and twice does no harm.
        jobs.send(jobs.Job(jobs.EXPORT, user_id, export.export_id))
    return _view(user_id, export)


def _new(user_id: str, last: ExportItem | None) -> ExportItem:
    taken = throttling.take(throttling.exports_of_user(), user_id)
    export, now = store.new_export(user_id), datetime.now(UTC)
    export.export_id, export.state, export.requested_at = str(uuid.uuid4()), "queued", now.isoformat()
    export.expires_at = int(now.timestamp()) + KEPT_S
    try:
        store.put(user_id, export, None if last is None else last.export_id)
    except ConditionFailedError as error:
        taken.give_back()
        there = store.find(user_id)
        if there is None or (last is not None and there.export_id == last.export_id):
            raise AccountClosing("There is nothing to export any more.") from error
        return there
    return export


def show(user_id: str) -> ExportView:
    """Return the state of the export that was asked for last, and when it is ready where it is.

    Raises:
        NotFound: None was asked for, or it has expired.
    """
    export = store.find(user_id)
    if export is None or export.expires_at <= time.time():
        raise NotFound("There is no export: ask for one, it is kept for 7 days.")
    return _view(user_id, export)


def _state(export: ExportItem) -> str:
    age_s = time.time() - datetime.fromisoformat(export.requested_at).timestamp()
    if export.state != "ready" and age_s > GIVEN_UP_AFTER_S:
        return "failed"
    return export.state


def _view(user_id: str, export: ExportItem) -> ExportView:
    asked, state = datetime.fromisoformat(export.requested_at), _state(export)
    if state != "ready" or export.ready_at is None:
        return ExportView(export.export_id, state, asked)
    return ExportView(
        export.export_id,
        state,
        asked,
        datetime.fromisoformat(export.ready_at),
        datetime.fromtimestamp(int(export.expires_at), UTC),
        int(export.size_bytes or 0),
        ExportLink(*bucket.presign_get(bucket.archive_key(user_id, export.export_id))),
    )


def run(user_id: str, export_id: str, worker: str) -> None:
    """Write the archive of an export, or go on with it.

    Args:
        user_id: Whose.
        export_id: Which export; when another one was asked for since, nothing is done.
        worker: The message that it comes by: delivered again, it takes up its own work at once.
    """
    export = store.find(user_id)
    if export is None or export.export_id != export_id:
        return
    with contextlib.suppress(ConditionFailedError):
        # Refused: it is finished, someone else is at it, or the account is being deleted. Nothing is left to do here.
        _Writing(user_id, export, worker).run(time.monotonic() + WORKING_S)


class _Writing:
    """One worker's turn at an archive."""

    def __init__(self, user_id: str, export: ExportItem, worker: str) -> None:
        self._user_id, self._export, self._worker = user_id, export, worker
        self._key = bucket.archive_key(user_id, export.export_id)
        self._progress_key = bucket.progress_key(user_id, export.export_id)

    def run(self, until_s: float) -> None:
        self._hold()
        progress = self._progress()
        archive = Archive(progress.members, progress.offset)
        try:
            is_done = progress.is_whole or self._write(archive, progress, until_s)
        finally:
            archive.abandon()
        if not is_done:
            store.let_go(self._export)
            jobs.send(jobs.Job(jobs.EXPORT, self._user_id, self._export.export_id))
            return
        bucket.complete(self._key, progress.upload_id, progress.etags)
        now = datetime.now(UTC)
        expires_at_s = int(now.timestamp()) + KEPT_S
        store.set_ready(self._user_id, self._export, now.isoformat(), progress.offset, expires_at_s)
        bucket.remove(self._progress_key)

    def _hold(self) -> None:
        now_s = int(time.time())
        store.hold(self._user_id, self._export, self._worker, now_s, now_s + HELD_S)

    def _progress(self) -> Progress:
        kept = bucket.get(self._progress_key)
        if kept is not None:
            return msgspec.json.decode(kept, type=Progress)
        progress = Progress(bucket.begin(self._key))
        bucket.put(self._progress_key, msgspec.json.encode(progress))
        return progress

    def _write(self, archive: Archive, progress: Progress, until_s: float) -> bool:
        """Write until all is told or the time is over, and return which of the two it was."""
        if not archive.members:
            text = README.format(requested_at=self._export.requested_at).encode()
            archive.add("README.txt", len(text), [text])
        for source, piece in pieces(self._user_id, progress.source, progress.after):
            _add(archive, piece)
            progress.source, progress.after = source, piece.after
            if archive.waiting_bytes >= PART_BYTES:
                self._keep(archive, progress)
                if time.monotonic() > until_s:
                    return False
        manifest = _manifest(self._export, archive.members)
        archive.add("manifest.json", len(manifest), [manifest])
        archive.finish()
        progress.is_whole = True
        self._keep(archive, progress)
        return True

    def _keep(self, archive: Archive, progress: Progress) -> None:
        """Write what waits as the next part, and how far the archive is; a crash between them repeats the part."""
        self._hold()
        part = bucket.put_part(self._key, progress.upload_id, len(progress.etags) + 1, archive.take())
        progress.etags.append(part)
        progress.offset, progress.members = archive.offset, archive.members
        bucket.put(self._progress_key, msgspec.json.encode(progress))


def _add(archive: Archive, piece: Piece) -> None:
    if piece.open_bytes is None:
        data = msgspec.json.format(msgspec.json.encode(piece.records))
        archive.add(_file_name(archive, piece.section), len(data), [data])
        return
    chunks = piece.open_bytes()
    if chunks is not None:
        archive.add(piece.section, piece.size_bytes, chunks)


def _file_name(archive: Archive, section: str) -> str:
    """Return a name for the next file of a section: `logins.json`, `logins-2.json` ..."""
    before = archive.count(section)
    return f"{section}-{before + 1}.json" if before else f"{section}.json"


def _manifest(export: ExportItem, members: list[Member]) -> bytes:
    told = {
        "export_id": export.export_id,
        "requested_at": export.requested_at,
        "members": [
            {"name": member.name, "size_bytes": member.size_bytes, "sha256": member.sha256} for member in members
        ],
    }
    return msgspec.json.format(msgspec.json.encode(told))
