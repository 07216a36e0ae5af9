"""The deployment as `chalice package` builds it: what is in the zip, and that Lambda's own runtime can run it."""

import base64
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.captures import bucket
from chalicelib.metrics import store
from chalicelib.secrets import signing_keys
from local_cloud import viewer
from local_cloud.cloud import LocalCloud
from tests.api import PASSWORD, upload_headers
from tests.chalicelib.people import new_user_id
from tests.throws import Throw

PROJECT = Path(__file__).parents[2]
RESPONSES = "x-amazon-apigateway-gateway-responses"
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of `chalice package --stage prod`, with the resources merged in."""
    out = tmp_path_factory.mktemp("package") / "out"
    # The project's own copy is what is packed; Chalice keeps its build cache in .chalice/deployments of a copy.
    source = tmp_path_factory.mktemp("source")
    for name in ("app.py", "chalicelib", "requirements.txt", ".chalice", "infra", "vendor", "smartdot", "tenpin"):
        subprocess.run(["cp", "-r", str(PROJECT / name), str(source)], check=True)
    command = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", "prod", "--template-format", "yaml"]
    command += ["--merge-template", "infra/resources.yaml", str(out)]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "could not" not in done.stderr.lower(), done.stderr
    return out


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip's content, as Lambda lays it out."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        archive.extractall(folder)
    return folder


def test_the_zip_holds_all_that_the_functions_import(package: Path) -> None:
    """Ours and the libraries are in the zip, numpy with them; nothing of the tests, the tools or the installers is."""
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"app.py", "chalicelib", "smartdot", "tenpin"} <= tops
    assert {"numpy", "boto3", "pynamodb", "msgspec", "jwt", "argon2"} <= tops
    assert {"smartdot/columns.py", "tenpin/counting.py"} <= set(names)
    assert "chalicelib/metrics/events.py" in names
    assert not tops & {"tests", "local_cloud", "moto", "pip", "setuptools", "wheel", "device_bridge", "pyarrow"}


def test_the_zip_holds_the_viewer_of_the_description(package: Path) -> None:
    """The files of `GET /docs` are in the zip as set-up laid them, and nothing else of their package is."""
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        laid = {name: archive.read(name) for name in archive.namelist() if name.startswith("swagger_ui/")}
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert laid == {f"swagger_ui/{name}": (viewer.VIEWER / name).read_bytes() for name in viewer.FILES}
    assert not tops & {"flask", "flask_swagger_ui"}


def test_the_zip_fits_a_function(package: Path, unpacked: Path) -> None:
    """Zipped it is below the 50 MB of a direct upload, unpacked below the 250 MB of a function."""
    assert (package / "deployment.zip").stat().st_size < 50_000_000
    assert sum(path.stat().st_size for path in unpacked.rglob("*") if path.is_file()) < 250_000_000


def test_no_secret_is_in_the_zip(unpacked: Path, cloud: LocalCloud) -> None:
    """No signing key of the running cloud stands in a file of ours: keys are in the secret store."""
    assert cloud.aws_url
    secrets = list(signing_keys().keys.values())
    folders = [unpacked / name for name in ("chalicelib", "smartdot", "tenpin")]
    ours = [unpacked / "app.py", *(path for folder in folders for path in folder.rglob("*"))]
    texts = {path: path.read_bytes() for path in ours if path.is_file()}
    assert len(texts) > 20
    assert all(len(secret) >= 32 for secret in secrets)
    assert secrets
    assert not [path for path, text in texts.items() if any(secret in text for secret in secrets)]


def test_the_template_has_functions_and_resources(package: Path) -> None:
    """One template holds all functions, each with a role of its own, and every resource of infra/resources.yaml."""
    template = yaml.safe_load((package / "sam.yaml").read_text())
    ours = yaml.safe_load((PROJECT / "infra/resources.yaml").read_text())
    assert set(ours["Resources"]) <= set(template["Resources"])
    functions = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert set(functions) == {"APIHandler", "ProcessCapture", "RunJob"}
    assert functions["APIHandler"]["MemorySize"] >= 512
    for name, properties in functions.items():
        assert properties["LoggingConfig"] == ours["Resources"][name]["Properties"]["LoggingConfig"]
    assert len({json.dumps(properties["Role"]) for properties in functions.values()}) == 3
    assert set(ours["Parameters"]) <= set(template["Parameters"])
    assert template["Conditions"] == ours["Conditions"]


def test_the_template_adds_to_chalices_api(package: Path) -> None:
    """API Gateway's own refusals stand in Chalice's description of the API, beside all that Chalice wrote there."""
    template = yaml.safe_load((package / "sam.yaml").read_text())
    api = template["Resources"]["RestAPI"]
    added = yaml.safe_load((PROJECT / "infra/resources.yaml").read_text())["Resources"]["RestAPI"]["Properties"]
    assert (api["Type"], api["Properties"]["StageName"]) == ("AWS::Serverless::Api", "api")
    body = api["Properties"]["DefinitionBody"]
    assert {"/v1/health", "/v1/users/me", "/v1/captures"} <= set(body["paths"])
    assert body[RESPONSES] == added["DefinitionBody"][RESPONSES]
    # A parameter's new value alone makes no new deployment without it.
    assert api["Properties"]["AlwaysDeploy"] is True


def test_a_message_waits_longer_than_its_function_runs(package: Path) -> None:
    """The queue hides a message for six times the function's timeout, and gives one at a time (AWS advises so)."""
    resources = yaml.safe_load((package / "sam.yaml").read_text())["Resources"]
    worker = resources["ProcessCapture"]["Properties"]
    assert resources["ProcessingQueue"]["Properties"]["VisibilityTimeout"] >= 6 * worker["Timeout"]
    (source,) = [event["Properties"] for event in worker["Events"].values() if event["Type"] == "SQS"]
    assert source["BatchSize"] == 1


def test_what_needs_the_queue_is_made_after_it(package: Path) -> None:
    """S3 tests the queue when the bucket is made, and the event source names it by text: both wait for it."""
    resources = yaml.safe_load((package / "sam.yaml").read_text())["Resources"]
    assert resources["RawBucket"]["DependsOn"] == "ProcessingQueuePolicy"
    assert resources["ProcessCapture"]["DependsOn"] == "ProcessingQueue"
    assert resources["RunJob"]["DependsOn"] == "JobsQueue"


def test_the_functions_may_do_what_they_need_and_no_more() -> None:
    """No policy has a star for an action; one function takes rejected uploads out, one removes versions for good."""
    may_remove = {
        "policy-prod-process-capture.json": {"s3:DeleteObject"},
        # The plain one is for exports alone (tests/chalicelib/test_job_policy.py).
        "policy-prod-run-job.json": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    }
    for path in (PROJECT / ".chalice").glob("policy-prod*.json"):
        statements = json.loads(path.read_text())["Statement"]
        actions = {action for statement in statements for action in statement["Action"]}
        assert actions
        assert not any("*" in action for action in actions)
        removing = {action for action in actions if action.startswith("s3:Delete")}
        assert removing == may_remove.get(path.name, set())
        assert all(statement["Resource"] != "*" for statement in statements)


class RuntimeApi:
    """Lambda's Runtime API on loopback: hands out events one by one and takes the answers (AWS's Runtime API)."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.answered = threading.Semaphore(0)
        self._given = threading.Semaphore(0)
        runtime = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                runtime._given.acquire()
                self._reply(json.dumps(runtime._events.pop(0)).encode(), id="1")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                runtime.answers.append({"path": self.path, "body": json.loads(body)})
                self._reply(b"{}")
                runtime.answered.release()

            def _reply(self, body: bytes, **_: str) -> None:
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "request-1")
                self.send_header("Lambda-Runtime-Deadline-Ms", "99999999999999")
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:f")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Give one event and return what the function answered."""
        self._events.append(event)
        self._given.release()
        assert self.answered.acquire(timeout=60), "the function did not answer"
        return self.answers[-1]

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


class Function:
    """A function of the package under Lambda's Python runtime, in a process of its own."""

    def __init__(self, folder: Path, handler: str, aws_url: str) -> None:
        self.runtime = RuntimeApi()
        host, port = self.runtime.server.server_address[:2]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            # The zip's own packages come first, as on Lambda; the runtime client is the only thing taken from .venv.
            "PYTHONPATH": str(folder),
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": handler,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": aws_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "STAGE": "local",
            "RAW_BUCKET": "revmetrix-local-raw",
        }
        command = [sys.executable, "-m", "awslambdaric", handler]
        self.process = subprocess.Popen(command, env=environment, cwd=folder)

    def close(self) -> None:
        """Stop the process that was started here."""
        self.process.kill()
        self.process.wait()
        self.runtime.close()


@pytest.fixture
def functions(unpacked: Path, cloud: LocalCloud) -> Iterator[tuple[Function, Function]]:
    """Both functions of the package, against the local cloud's AWS."""
    both = (
        Function(unpacked, "app.app", cloud.aws_url),
        Function(unpacked, "chalicelib.metrics.events.process_capture", cloud.aws_url),
    )
    yield both
    for function in both:
        function.close()


def _rest_event(
    method: str, path: str, body: bytes | None, headers: dict[str, str], **parameters: str
) -> dict[str, Any]:
    # API Gateway sends the binary media types in base64 and all else as text.
    is_binary = body is not None and headers.get("Content-Type") == "application/octet-stream"
    text = None if body is None else (base64.b64encode(body) if is_binary else body).decode()
    return {
        "requestContext": {"resourcePath": path, "httpMethod": method, "requestId": "r"},
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters,
        "stageVariables": None,
        "body": text,
        "isBase64Encoded": is_binary,
    }


def _access_token(web: Function) -> str:
    headers = {"Content-Type": "application/json", "Accept": "*/*"}
    body = json.dumps({"username": "lambda", "email": "lambda@example.org", "password": PASSWORD}).encode()
    registered = web.runtime.invoke(_rest_event("POST", "/v1/users", body, headers))["body"]
    assert registered["statusCode"] in (201, 409), registered
    login = json.dumps({"username": "lambda", "password": PASSWORD}).encode()
    tokens = web.runtime.invoke(_rest_event("POST", "/v1/tokens", login, headers))["body"]
    assert tokens["statusCode"] == 200, tokens
    return str(json.loads(tokens["body"])["access_token"])


def test_the_package_runs_as_lambda_runs_it(functions: tuple[Function, Function], capture: bytes) -> None:
    """Under Lambda's runtime the built zip registers a user, logs in, and keeps and returns a capture bit for bit."""
    web, _ = functions
    authorization = {"Authorization": f"Bearer {_access_token(web)}"}
    headers = {**upload_headers(capture), **authorization, "Accept": "*/*"}
    kept = web.runtime.invoke(_rest_event("POST", "/v1/captures", capture, headers))["body"]
    assert kept["statusCode"] == 201, kept
    headers = {**authorization, "Accept": "application/octet-stream"}
    capture_id = json.loads(kept["body"])["id"]
    path = "/v1/captures/{capture_id}/raw"
    raw = web.runtime.invoke(_rest_event("GET", path, None, headers, capture_id=capture_id))["body"]
    assert (raw["statusCode"], raw["isBase64Encoded"]) == (200, True), raw
    assert base64.b64decode(raw["body"], validate=True) == capture


def test_the_packaged_page_has_its_viewer(functions: tuple[Function, Function]) -> None:
    """Under Lambda's runtime the built zip gives the page of `GET /docs`, each of its files, and the description."""
    web, _ = functions
    page = _get(web, "/docs")
    assert "has no viewer" not in page
    files = re.findall(r'(?:src|href)="docs/([^"]+)"', page)
    assert set(files) == {"swagger-ui-bundle.js", "swagger-ui.css", "start.js"}
    texts = {name: _get(web, "/docs/{file}", file=name) for name in files}
    assert texts["swagger-ui-bundle.js"] == (viewer.VIEWER / "swagger-ui-bundle.js").read_text(encoding="utf-8")
    assert all(texts.values())
    assert json.loads(_get(web, "/openapi.json"))["openapi"].startswith("3.1")


def _get(web: Function, path: str, **parameters: str) -> str:
    answer = web.runtime.invoke(_rest_event("GET", path, None, {"Accept": "*/*"}, **parameters))["body"]
    assert answer["statusCode"] == 200, answer
    return str(answer["body"])


def test_the_packaged_worker_computes_metrics(functions: tuple[Function, Function], cloud: LocalCloud) -> None:
    """Under Lambda's runtime the built zip takes a queue's message and writes the metrics of the object it names."""
    _, worker = functions
    user_id, data = new_user_id(), Throw().capture()
    sha256 = hashlib.sha256(data).hexdigest()
    key = bucket.object_key(user_id, sha256)
    bucket.put_once(key, data, sha256)
    cloud.pump.drain(30)
    emulated = store.find(user_id, sha256)
    assert emulated is not None
    emulated.delete()
    body = json.dumps({"Records": [{"s3": {"object": {"key": key}}}]})
    message = {"messageId": "1", "receiptHandle": "1", "body": body, "attributes": {}}
    assert worker.runtime.invoke({"Records": [message]})["path"].endswith("/response")
    packaged = store.find(user_id, sha256)
    assert packaged is not None
    assert packaged.result == emulated.result


def test_numpy_works_in_the_package(unpacked: Path) -> None:
    """The zip's own numpy computes metrics of a capture, without anything from .venv."""
    script = (
        "import sys; from chalicelib.metrics.computation import compute; from smartdot import decode_capture; "
        "print(compute(decode_capture(sys.stdin.buffer.read())).metrics['shot_detected'].value)"
    )
    command = [sys.executable, "-S", "-c", script]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        command, cwd=unpacked, env=environment, input=Throw().capture(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, b"True"), done.stderr.decode()
