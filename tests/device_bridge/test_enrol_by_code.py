import hashlib
import io
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.api import ApiError
from device_bridge.api_replies import HttpReply
from device_bridge.cli import main
from device_bridge.cli.large_letters import large
from device_bridge.enrolment import Enrolment
from device_bridge.errors import ExitCode
from device_bridge.pairing_api import Pairing, PairingApi, read_pairing

from .bridge_api_server import as_usual
from .conftest import BridgeApiServer, BridgeReply
from .enrol_terminal import at_terminal, interrupted_at

pytestmark = pytest.mark.usefixtures("clean_environment")
COMMAND = [sys.executable, "-m", "device_bridge", "enrol", "--json", "--api"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder that the bridge's settings are in."""
    return tmp_path / "config" / "device_bridge"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody at stdin, and short waits where the API has not said how long they are."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    monkeypatch.setattr("device_bridge.enrolment.INTERVAL_S", 0.01)


def asked(server: BridgeApiServer) -> list[str]:
    """Return the last words of the paths that were asked for."""
    return [request["path"].rsplit("/", 1)[1] for request in server.requests]


def secret_of(folder: Path) -> str:
    """Return the secret that waits for its approval, after a look at who may read it."""
    place = folder / "credential.pending"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    return str(json.loads(place.read_text())["secret"])


def sha256_of(secret: str) -> str:
    """Return what the API may know of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def lose(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off in the place of an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_a_code_is_shown_and_approved(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path
) -> None:
    """The code and what to do are shown; once approved, the secret that only this bridge has is its credential."""
    bridge_api.asks_until_approval = 3
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    printed = capsys.readouterr()
    assert printed.out.startswith("code WDJB-BBBB, good for 10 minutes\nenrolled as Lane 1 at ")
    assert "in the app: approve bridge WDJB-BBBB; or: phone_client approve-bridge WDJB-BBBB" in printed.err
    secret = (folder / "credential").read_text().strip()
    assert len(secret) == 47
    assert secret.startswith("rmb_")
    assert [*bridge_api.codes.values()] == [sha256_of(secret)]
    assert stat.S_IMODE((folder / "credential").stat().st_mode) == 0o600
    assert (folder / "config.toml").read_text() == f'api = "{bridge_api.url}"\n'
    assert sorted(path.name for path in folder.iterdir()) == ["config.toml", "credential"]
    assert asked(bridge_api) == ["pairings", "me", "me", "me", "me"]
    assert main(["push"]) == ExitCode.FINE


def test_only_the_hash_leaves_with_the_question_for_a_code(bridge_api: BridgeApiServer, folder: Path) -> None:
    """`POST /v1/pairings` carries the SHA-256 of the secret and neither the secret nor any credential."""
    bridge_api.asks_until_approval = 1
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    secret = (folder / "credential").read_text().strip()
    assert json.loads(bridge_api.bodies[0]) == {"secret_sha256": sha256_of(secret)}
    assert "authorization" not in bridge_api.requests[0]
    assert secret not in json.dumps(bridge_api.requests[0])
    assert bridge_api.requests[1]["authorization"] == f"Bearer {secret}"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_secret_is_shown_nowhere(bridge_api: BridgeApiServer, folder: Path, log_format: str) -> None:
    """Neither what is printed nor the process's command line and environment holds the secret."""
    environment = {**os.environ, "DEVICE_BRIDGE_LOG_FORMAT": log_format}
    with subprocess.Popen(
        [*COMMAND, bridge_api.url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        secret = secret_of(folder)
        seen = [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        bridge_api.approve(json.loads(first)["code"])
        out, err = process.communicate()
    assert process.returncode == ExitCode.FINE, err
    assert json.loads(first) == {"code": "WDJB-BBBB", "expires_in_s": 600.0, "api": bridge_api.url}
    assert json.loads(out) == {
        "bridge": "Lane 1",
        "api": bridge_api.url,
        "credential_file": str(folder / "credential"),
        "config": str(folder / "config.toml"),
    }
    assert (folder / "credential").read_text() == f"{secret}\n"
    assert all(secret.encode() not in text for text in (*seen, (first + out + err).encode()))


@pytest.mark.parametrize("is_approved_meanwhile", [False, True])
def test_a_kill_costs_nothing(bridge_api: BridgeApiServer, folder: Path, *, is_approved_meanwhile: bool) -> None:
    """Killed while it waits, the next call goes on with the same secret: a fresh code, or none when it was approved."""
    command = [*COMMAND, bridge_api.url]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        code = json.loads(process.stdout.readline())["code"]
        process.kill()
    secret = secret_of(folder)
    assert not (folder / "credential").exists()
    if is_approved_meanwhile:
        bridge_api.approve(code)
    bridge_api.asks_until_approval = 2
    before = len(bridge_api.requests)
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    paths = asked(bridge_api)[before:]
    assert paths == (["me"] if is_approved_meanwhile else ["me", "pairings", "me", "me"])
    assert (folder / "credential").read_text() == f"{secret}\n"
    assert {*bridge_api.codes.values()} == {sha256_of(secret)}
    assert not (folder / "credential.pending").exists()


def test_a_kill_at_the_end_costs_nothing(bridge_api: BridgeApiServer, folder: Path) -> None:
    """Killed when the credential was written and nothing else, the next call finishes without --force or a new code."""
    bridge_api.asks_until_approval = 1
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('"api" = "https://old"\n')
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.USAGE
    credential = (folder / "credential").read_text()
    assert credential.strip() == secret_of(folder)
    (folder / "config.toml").unlink()
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    assert (folder / "credential").read_text() == credential
    assert (len(bridge_api.codes), (folder / "credential.pending").exists()) == (1, False)


def test_lost_replies(capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path) -> None:
    """A lost reply to the question for a code, and lost replies before and after the approval, are asked again."""
    bridge_api.pairing_script = [lose, lose]
    bridge_api.ask_script = [lose, as_usual, lose, as_usual]
    bridge_api.asks_until_approval = 2
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    assert asked(bridge_api) == ["pairings"] * 3 + ["me"] * 5
    assert (folder / "credential").exists()
    err = capsys.readouterr().err
    assert "cannot be reached" in err
    assert "the API answers again" in err


def test_replies_are_lost_again_and_again(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path
) -> None:
    """After three lost replies to the first question it ends with 5, and says what it goes on with."""
    bridge_api.pairing_script = [lose, lose, lose]
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.NOT_DELIVERED
    assert f"the bridge's own secret is kept in {folder / 'credential.pending'}" in capsys.readouterr().err
    assert secret_of(folder)
    assert bridge_api.pairing_script == []


@pytest.mark.parametrize(
    "reply",
    [
        BridgeReply(200, b"<html>Welcome to the bowling alley's network"),
        BridgeReply(201, b"<html>"),
        BridgeReply(201, b'{"code": "\\u001b[2J", "expires_in": 600, "interval": 5}'),
        BridgeReply(201, b'{"code": "WDJB-MJHT", "expires_in": "soon", "interval": 5}'),
        BridgeReply(302, b"", {"Location": "http://127.0.0.1:9/"}),
        BridgeReply(403, b'{"message": "Missing Authentication Token"}'),
        BridgeReply(404, b"nothing here"),
        BridgeReply(502, b""),
    ],
    ids=["page", "page 201", "escape", "no life", "redirect", "API Gateway", "404", "502"],
)
def test_another_server_is_not_waited_for(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer, folder: Path, reply: BridgeReply
) -> None:
    """What answers the first question and is not the API ends the command at once; it never hears the secret."""
    bridge_api.pairing_script = [reply]
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.NOT_DELIVERED
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert "\x1b" not in printed.err
    assert asked(bridge_api) == ["pairings"]
    assert not (folder / "credential").exists()


def test_nobody_at_the_address(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """An address at which nobody listens is told at once."""
    assert main(["enrol", "--api", "http://127.0.0.1:9"]) == ExitCode.NOT_DELIVERED
    assert "the API at http://127.0.0.1:9 cannot be reached" in capsys.readouterr().err
    assert secret_of(folder)


def test_a_secret_is_for_one_api_and_one_user(bridge_api: BridgeApiServer, folder: Path) -> None:
    """A secret that another address has heard, that others can read, or that is none, is never used again."""
    bridge_api.asks_until_approval = 1
    place = folder / "credential.pending"
    assert main(["enrol", "--api", "http://127.0.0.1:9"]) == ExitCode.NOT_DELIVERED
    first = secret_of(folder)
    bridge_api.credential = "of another bridge"
    bridge_api.pairing_script = [BridgeReply(502)] * 2
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.NOT_DELIVERED
    second = secret_of(folder)
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.NOT_DELIVERED
    assert secret_of(folder) == second != first
    place.chmod(0o640)
    bridge_api.pairing_script = [BridgeReply(502)]
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.NOT_DELIVERED
    third = secret_of(folder)
    assert third not in (first, second)
    bridge_api.credential = None
    place.write_text(json.dumps({"api": bridge_api.url, "secret": "rmb_short"}))
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.FINE
    fourth = (folder / "credential").read_text().strip()
    assert fourth not in (first, second, third, "rmb_short")


def test_force_and_the_old_credential(bridge_api: BridgeApiServer, folder: Path) -> None:
    """Without --force an old credential stays and nothing is asked; with it the old one works until the approval."""
    folder.mkdir(parents=True)
    (folder / "credential").write_text("old\n")
    assert main(["enrol", "--api", bridge_api.url]) == ExitCode.USAGE
    assert (bridge_api.requests, [path.name for path in folder.iterdir()]) == ([], ["credential"])
    bridge_api.pairing_script = [BridgeReply(502)]
    assert main(["enrol", "--api", bridge_api.url, "--force"]) == ExitCode.NOT_DELIVERED
    assert (folder / "credential").read_text() == "old\n"
    bridge_api.asks_until_approval = 1
    assert main(["enrol", "--api", bridge_api.url, "--force"]) == ExitCode.FINE
    assert (folder / "credential").read_text().startswith("rmb_")


def test_a_pipe_without_a_credential_is_no_credential(
    capsys: pytest.CaptureFixture[str], bridge_api: BridgeApiServer
) -> None:
    """With --credential an empty pipe is an error; nobody is made to wait for a code that a script cannot show."""
    assert main(["enrol", "--api", bridge_api.url, "--credential"]) == ExitCode.CREDENTIAL_REFUSED
    assert "no credential was given" in capsys.readouterr().err
    assert bridge_api.requests == []


def test_an_open_pipe_is_explained(bridge_api: BridgeApiServer) -> None:
    """A pipe that stays open and empty, as ssh gives one, is waited for, which is said; its end leads to a code."""
    bridge_api.asks_until_approval = 1
    command = [*COMMAND, bridge_api.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        assert "stdin is a pipe" in process.stderr.readline()
        assert bridge_api.requests == []
        out, _ = process.communicate()
    assert (process.returncode, json.loads(out.splitlines()[0])["code"]) == (ExitCode.FINE, "WDJB-BBBB")


def test_at_a_terminal_the_code_is_large(bridge_api: BridgeApiServer, tmp_path: Path, folder: Path) -> None:
    """A terminal shows the code in large letters and a line that tells how long it is good."""
    bridge_api.asks_until_approval = 2
    code, shown = at_terminal(tmp_path, {}, "--api", bridge_api.url)
    assert code == ExitCode.FINE, shown
    letters = large("WDJB-BBBB", 100)
    assert letters is not None
    assert letters.replace("\n", "\r\n").encode() in shown
    assert b"the code is good for 10 minutes" in shown
    assert (folder / "credential").read_text().strip().encode() not in shown


def test_ctrl_c_while_it_waits(bridge_api: BridgeApiServer, tmp_path: Path, folder: Path) -> None:
    """Ctrl-C ends with 130, keeps the secret, and says that the next call goes on with it."""
    code, shown = interrupted_at(tmp_path, b"waits until somebody", "--api", bridge_api.url)
    assert code == 130, shown
    assert b"the next `device_bridge enrol` goes on with it" in shown
    assert b"Traceback" not in shown
    assert secret_of(folder).encode() not in shown
    assert not (folder / "credential").exists()


class Hours:
    """A clock that only waiting moves, and a screen that notes what it is told."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits_s: list[float] = []
        self.codes: list[str] = []
        self.troubles: list[tuple[str, float]] = []
        self.left_s: list[float] = []

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.waits_s.append(seconds)
        self.now_s += seconds

    def show(self, pairing: Pairing) -> None:
        """Note a code."""
        self.codes.append(pairing.code)

    def waiting(self, left_s: float) -> None:
        """Note how long the code is good."""
        self.left_s.append(left_s)

    def trouble(self, what: str, wait_s: float) -> None:
        """Note what went wrong."""
        self.troubles.append((what, wait_s))


@pytest.fixture
def hours() -> Hours:
    """Give a clock and a screen."""
    return Hours()


@pytest.fixture
def enrolment(bridge_api: BridgeApiServer, hours: Hours) -> Iterator[Enrolment]:
    """Give an enrolment whose waiting takes no time, at an API that wants to be asked every 5 seconds."""
    bridge_api.interval_s = 5
    api = PairingApi(bridge_api.url, "rmb_" + "A" * 43)
    yield Enrolment(api, hours, hours.clock, hours.sleep)
    api.close()


def test_an_expired_code_is_followed_by_another(
    bridge_api: BridgeApiServer, enrolment: Enrolment, hours: Hours
) -> None:
    """Every interval it asks; when the code's time is over, and not before, it shows a new one."""
    bridge_api.code_life_s = 20
    bridge_api.asks_until_approval = 6
    assert enrolment.run(is_resumed=False).name == "Lane 1"
    assert hours.codes == ["WDJB-BBBB", "WDJB-BBBC"]
    assert hours.waits_s == [5.0] * 7
    assert hours.left_s[:4] == [20.0, 15.0, 10.0, 5.0]
    assert asked(bridge_api) == ["pairings"] + ["me"] * 4 + ["pairings"] + ["me"] * 3


def test_the_api_asks_to_wait(bridge_api: BridgeApiServer, enrolment: Enrolment, hours: Hours) -> None:
    """Retry-After is waited for; a 429 without one makes every later wait 5 s longer (RFC 8628, 3.5)."""
    busy = BridgeReply(429, headers={"Retry-After": "120"})
    bridge_api.pairing_script = [busy]
    bridge_api.ask_script = [BridgeReply(429, headers={"Retry-After": "30"}), as_usual, BridgeReply(429), as_usual]
    bridge_api.asks_until_approval = 2
    assert enrolment.run(is_resumed=False).name == "Lane 1"
    assert hours.waits_s == [120.0, 5.0, 30.0, 5.0, 10.0, 10.0]
    assert [wait_s for _, wait_s in hours.troubles] == [120.0, 30.0, 10.0]


def test_an_api_that_is_away_is_asked_less_and_less(
    bridge_api: BridgeApiServer, enrolment: Enrolment, hours: Hours
) -> None:
    """While it waits, an API or a network that is away for an hour ends nothing; the waits grow to a minute."""
    bridge_api.ask_script = [
        *[BridgeReply(503)] * 4,
        BridgeReply(401, b"<html>log in"),
        *[BridgeReply(200, b"x")] * 3,
    ]
    bridge_api.pairing_script = [as_usual, BridgeReply(502), lose]
    bridge_api.code_life_s = 200
    bridge_api.asks_until_approval = 2
    assert enrolment.run(is_resumed=False).name == "Lane 1"
    assert hours.waits_s[:6] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert max(hours.waits_s) == 60.0
    assert any("log" in what and "proxy" in what for what, _ in hours.troubles)
    assert len(hours.codes) == 2


def test_large_letters() -> None:
    """Every letter of the API's codes has its own picture of five rows; what does not fit is not drawn."""
    pictures = [large(letter, 80) for letter in "BCDFGHJKLMNPQRSTVWXZ-AEIOUY"]
    assert len({*pictures}) == len(pictures)
    assert all(picture is not None and picture.count("\n") == 4 for picture in pictures)
    assert large("WDJB-MJHT", 62) is None
    assert large("WDJB-MJHT", 63) is not None
    assert large("wdjb", 80) is None


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([200, 201, 400, 401, 403, 404, 422, 429, 500, 503]),
    st.one_of(
        st.binary(max_size=80),
        st.fixed_dictionaries(
            {},
            optional={
                "code": st.one_of(st.text(max_size=40), st.just("WDJB-MJHT"), st.integers()),
                "expires_in": st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=3)),
                "interval": st.one_of(st.floats(), st.integers(), st.none()),
            },
        ).map(lambda answer: json.dumps(answer).encode()),
    ),
)
def test_any_reply_is_a_code_or_an_error(status: int, body: bytes) -> None:
    """Whatever answers, it is a code that may be printed, with times within bounds, or an error of the API's kinds."""
    try:
        pairing = read_pairing(HttpReply(status, {}, body))
    except ApiError:
        return
    assert status == 201
    assert pairing.code.isascii()
    assert pairing.code.replace("-", "").isalnum()
    assert 1.0 <= pairing.expires_in_s <= 3600.0
    assert 0.0 < pairing.interval_s <= 60.0
