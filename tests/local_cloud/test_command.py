import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from local_cloud.__main__ import main
from local_cloud.connections import listen

from .conftest import PROJECT, CloudProcess, client_of, connect

Result = Callable[..., "subprocess.CompletedProcess[str]"]


def free_port() -> int:
    """Return a port that is free now."""
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_it_is_stopped(run_cloud: Callable[..., CloudProcess], stop: signal.Signals) -> None:
    """`serve` answers, delivers events, and ends with 0 on Ctrl-C and SIGTERM, a client being connected."""
    cloud = run_cloud("serve", "--port", "0")
    with closing(connect(cloud.urls["API"])) as connection:
        connection.request("GET", "/hello/a%20b")
        assert connection.getresponse().read() == b'{"hello":"a b"}'
        with closing(client_of(cloud.urls["AWS"], "s3")) as s3:
            s3.put_object(Bucket="revmetrix-local-raw", Key="key", Body=b"1")
        stdout = cloud.process.stdout
        assert stdout is not None
        assert any("ObjectCreated:Put" in line for line in stdout)
        assert cloud.urls["state"].startswith("in memory")
        cloud.process.send_signal(stop)
        assert cloud.process.wait(20) == 0
    stderr = cloud.process.stderr
    assert stderr is not None
    lines = stderr.read().splitlines()
    assert lines[0].startswith("GET /hello/a%20b 200 ")
    assert lines[1:] == ["local_cloud: stopping"]


def test_variables_give_the_defaults(tmp_path: Path, run_cloud: Callable[..., CloudProcess]) -> None:
    """HOST, PORT, AWS_PORT and STATE say where; a host that others reach warns, and AWS stays on 127.0.0.1."""
    state, port, aws_port = tmp_path / "deep" / "state", free_port(), free_port()
    everywhere = "0.0.0.0"  # noqa: S104 - that is what is tested
    cloud = run_cloud("serve", HOST=everywhere, PORT=f"{port}", AWS_PORT=f"{aws_port}", STATE=f"{state}")
    assert cloud.urls["API"] == f"http://127.0.0.1:{port}"
    assert cloud.urls["AWS"] == f"http://127.0.0.1:{aws_port}"
    assert cloud.urls["state"] == str(state)
    assert (state / "journal.sqlite3").exists()
    assert cloud.process.stderr is not None
    assert "0.0.0.0, and without TLS passwords travel openly" in cloud.process.stderr.readline()


def test_aws_alone_serves_chalice_local(run_cloud: Callable[..., CloudProcess], tmp_path: Path) -> None:
    """A plain `chalice local` against `aws` writes an object, whose event the pump of `aws` delivers."""
    cloud = run_cloud("aws", "--aws-port", "0")
    assert "API" not in cloud.urls
    port = free_port()
    project = tmp_path / "project"
    (project / ".chalice").mkdir(parents=True)
    variables = f'{{"AWS_ENDPOINT_URL": "{cloud.urls["AWS"]}", "AWS_DEFAULT_REGION": "us-east-1"}}'
    (project / ".chalice" / "config.json").write_text(
        f'{{"version": "2.0", "app_name": "w", "stages": {{"local": {{"environment_variables": {variables}}}}}}}'
    )
    (project / "app.py").write_text(WRITING_APP)
    (project / "requirements.txt").touch()
    chalice_cli = [sys.executable, "-c", "from chalice.cli import main; main()"]
    command = [*chalice_cli, "local", "--stage", "local", "--no-autoreload", "--port", f"{port}"]
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "PYTHONWARNINGS": ""}
    with subprocess.Popen(
        command, cwd=project, env={**os.environ, **keys}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as chalice:
        try:
            assert chalice.stdout is not None
            assert f"127.0.0.1:{port}" in chalice.stdout.readline()
            with closing(connect(f"http://127.0.0.1:{port}")) as connection:
                connection.request("GET", "/write")
                assert connection.getresponse().status == 200
        finally:
            chalice.kill()
    stdout = cloud.process.stdout
    assert stdout is not None
    assert any("from-chalice" in line for line in stdout)


WRITING_APP = """
import boto3
from chalice import Chalice
app = Chalice("w")

@app.route("/write")
def write():
    boto3.client("s3").put_object(Bucket="revmetrix-local-raw", Key="from-chalice", Body=b"1")
"""


def test_a_port_in_use(command_result: Result) -> None:
    """A taken port gives one line that names it and says what to do, and exit code 1."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = command_result("serve", "--port", f"{port}")
        of_aws = command_result("serve", "--port", "0", "--aws-port", f"{port}")
    assert result.returncode == 1
    in_use = "on 127.0.0.1 is in use by another program"
    assert result.stderr == f"local_cloud: error: port {port} {in_use}; choose another, e.g. make serve PORT=8010\n"
    assert result.stdout == ""
    assert of_aws.returncode == 1
    advice = "choose another, e.g. --aws-port 8011, or 0 for any free one"
    assert of_aws.stderr == f"local_cloud: error: the emulated AWS's port {port} (--aws-port) {in_use}; {advice}\n"


def test_a_state_folder_of_another_kind(command_result: Result, tmp_path: Path) -> None:
    """A folder with another program's file gives one line and exit code 1."""
    (tmp_path / "journal.sqlite3").write_text("mine")
    result = command_result("serve", "--port", "0", "--state", str(tmp_path))
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "is not a journal of the local cloud" in result.stderr


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "-1"], ["--port", "http"], ["--colour"]])
def test_arguments_that_make_no_sense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown option or a port that is none is told and gives exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(["serve", *arguments])
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The program and its commands explain themselves, without starting anything."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "python -m local_cloud serve --port 9000 --state" in printed
    assert "chalice local --stage local --no-autoreload" in printed
    commands = {"serve": ["--host", "--port", "--aws-port", "--state"], "aws": ["--aws-port"], "demo": ["--recording"]}
    for command, options in commands.items():
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
        printed = capsys.readouterr().out
        assert [option for option in options if option not in printed] == []
        assert "default: None" not in printed


def test_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands that there are stand in the usage when none is given."""
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "{demo,serve,aws,grant-admin}" in capsys.readouterr().err


def test_nobody_imports_the_local_cloud() -> None:
    """No module of the project outside this package names it in an import."""
    sources = [PROJECT / "app.py", *(PROJECT / "chalicelib").rglob("*.py")]
    for package in ("smartdot", "device_bridge", "phone_client", "tenpin"):
        sources += (PROJECT / package / "src").rglob("*.py")
    importing = [path.name for path in sources if path.exists() and "import local_cloud" in path.read_text()]
    assert importing == []
