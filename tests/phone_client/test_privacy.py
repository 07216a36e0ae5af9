"""Taking along what is held and deleting the account, by commands against the real API."""

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.accounts import logins
from local_cloud.cloud import LocalCloud
from phone_client import (
    ApiClient,
    ArchiveChangedError,
    Export,
    ExportFailedError,
    LoginNeededError,
    NotFoundError,
    StillPendingError,
)
from phone_client.exports import _check
from phone_client.transport import Transport
from tests.api import Bowler
from tests.phone_client.command_line import Run, on_a_terminal
from tests.phone_client.scripted_api import ScriptedApi

EXPORT = "GET /v1/users/me/export"


def test_the_archive_is_fetched_whole(run: Run, bowler: Bowler, capture: bytes, tmp_path: Path) -> None:
    """It is asked for, waited for with a line for each state, and there with what the user has, for the user only."""
    assert bowler.post_capture(capture).status == 201
    out = tmp_path / "my-data.zip"
    done = run("export", "--out", str(out))
    assert (done.code, str(out) in done.out) == (0, True)
    assert done.err.splitlines()[-1] == "The export is ready."
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with zipfile.ZipFile(out) as archive:
        assert archive.read(f"raw/{hashlib.sha256(capture).hexdigest()}.smartdot") == capture
    again = json.loads(run("export", "--out", str(out), "--last", "--json").out)
    assert again["size_bytes"] == out.stat().st_size


def test_what_cannot_be_fetched_leaves_the_file_as_it_was(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No export at all, a folder that is missing, bytes that broke off: each is told, and nothing half stays."""
    out = tmp_path / "my-data.zip"
    out.write_text("before")
    missing = run("export", "--out", str(out), "--last")
    assert (missing.code, missing.out) == (4, "")
    nowhere = run("export", "--out", str(tmp_path / "missing" / "my-data.zip"))
    assert (nowhere.code, "check its folder" in nowhere.err) == (2, True)
    fetch = Transport.fetch

    def torn(transport: Transport, link: str, write: Callable[[bytes], object], largest_bytes: int) -> object:
        return fetch(transport, link, lambda piece: write(piece[:-1]), largest_bytes)

    monkeypatch.setattr(Transport, "fetch", torn)
    broken = run("export", "--out", str(out))
    assert (broken.code, broken.out) == (6, "")
    assert "thrown away" in broken.err
    assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["my-data.zip"]


def test_bytes_of_the_right_length_that_are_no_archive_are_refused() -> None:
    """The length alone proves nothing: an archive with a changed byte, and other bytes, are thrown away."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("profile.json", "{}" * 100)
    data = whole.getvalue()
    _check(io.BytesIO(data), len(data))
    for spoilt in (data.replace(b"{}{}", b"{}{ ", 1), bytes(len(data))):
        with pytest.raises(ArchiveChangedError):
            _check(io.BytesIO(spoilt), len(data))


def test_waiting_ends(ada: ApiClient, scripted_api: ScriptedApi) -> None:
    """An export that fails, one that takes long and none at all are errors of their own; each state is told once."""
    told: list[Export] = []
    for state in ("queued", "running", "running", "failed"):
        scripted_api.answer_next(EXPORT, 200, _export(state))
    with pytest.raises(ExportFailedError, match="ask for another one"):
        ada.account.wait_for_export(60, told.append)
    assert [one.state for one in told] == ["queued", "running", "failed"]
    for _ in range(2):
        scripted_api.answer_next(EXPORT, 200, _export("running"))
    with pytest.raises(StillPendingError, match="The server goes on with it"):
        ada.account.wait_for_export(1)
    scripted_api.answer_next(EXPORT, 200, _export("running"))
    with pytest.raises(StillPendingError):
        ada.account.save_export(io.BytesIO())
    scripted_api.problem_next(EXPORT, 404, "not-found")
    with pytest.raises(NotFoundError):
        ada.account.export()


def _export(state: str) -> bytes:
    return json.dumps({"id": "1", "state": state, "requested_at": "2026-11-24T10:00:00Z"}).encode()


def test_an_account_is_deleted(cloud: LocalCloud, run: Run, bowler_client: ApiClient) -> None:
    """With --yes at once: it says until when all is gone, the login is forgotten, and other clients are out."""
    done = run("delete-account", "--yes")
    assert (done.code, "gone by" in done.out) == (0, True)
    assert run("profile").code == 5
    cloud.pump.drain(30)
    with pytest.raises(LoginNeededError):
        bowler_client.account.request_export()
    nobody = run("delete-account", "--yes")
    assert (nobody.code, "Nothing was deleted" in nobody.err) == (5, True)


def test_a_login_too_old_deletes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told what that means and how to log in again; the account and the login stay."""
    monkeypatch.setattr(logins, "LONGEST_SINCE_PASSWORD", timedelta(seconds=-1))
    refused = run("delete-account", "--yes")
    assert (refused.code, refused.out) == (5, "")
    assert "login of the last 10 minutes" in refused.err
    assert "Nothing was changed. Log in again with your password (log-in)" in refused.err
    assert run("profile").code == 0


def test_without_a_terminal_nobody_is_taken_at_their_word(run: Run, bowler: Bowler) -> None:
    """A username on a pipe is no answer; the option is named, and the account stays."""
    refused = run("delete-account", typed=(bowler.username,))
    assert (refused.code, refused.out) == (2, "")
    assert "Nothing was deleted; use --yes" in refused.err
    assert run("profile").code == 0


@pytest.mark.usefixtures("run")
def test_on_a_terminal_the_username_is_typed(bowler: Bowler) -> None:
    """Anything else keeps the account, and the right one deletes it."""
    for line, code in (("y", 2), (bowler.username, 0)):
        assert bowler("GET", "/v1/users/me").status == 200
        with on_a_terminal("delete-account") as terminal:
            terminal.answer("Type the username to go on: ", line)
            assert terminal.end() == code, terminal.shown
    assert bowler("POST", "/v1/users/me/export").status == 401
