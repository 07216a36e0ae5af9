"""The whole local cloud as one context manager."""

import contextlib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from chalice.app import Chalice

from local_cloud.connections import listen, url_of
from local_cloud.emulator import Emulator
from local_cloud.endpoint import AwsServer
from local_cloud.environment import PROJECT, applied, local_environment
from local_cloud.gateway import ApiServer, serving
from local_cloud.journal import Journal
from local_cloud.mailbox import Mailbox
from local_cloud.pump import RETRY_DELAYS_S, EventPump
from local_cloud.resources import ResourceMaker
from local_cloud.template import Template
from local_cloud.tls import TlsEnd

TEMPLATE = PROJECT / "infra" / "resources.yaml"

API_PORT_ADVICE = "; choose another, e.g. make serve PORT=8010"
AWS_PORT_NAME = "the emulated AWS's port {port} (--aws-port)"
AWS_PORT_ADVICE = "; choose another, e.g. --aws-port 8011, or 0 for any free one"


class LocalCloud:
    """The emulated AWS, the app behind an emulated API Gateway, and the event pump, from entry to exit.

    On entry the process's environment is set for the app, then the app is imported, then the ports answer. On exit
    requests under way end, every thread and port is gone, and the environment is as before.

    One process holds one LocalCloud at a time. Several after each other are fine, but the clients of AWS that an app
    keeps (boto3, pynamodb) hold on to the first endpoint: reuse its port by giving `aws_port`.

    Args:
        host: Where the API listens; the emulated AWS listens on 127.0.0.1 always.
        port: The API's port, 0 for any free one.
        aws_port: The emulated AWS's port, 0 for any free one.
        state: The folder in which data survive, or None to forget them on exit.
        app: A Chalice app in place of the project's own.
        retry_delays_s: Whole seconds before a failed event is delivered again, see EventPump.
        serve_api: False leaves out the API: for `chalice local` against this cloud.
        access_log: Whether each API request gives a line on stderr.
        tls: The API's end of TLS; None serves it over plain HTTP.

    Attributes:
        api_url: The API's URL, without a slash at its end; None without an API.
        aws_url: The emulated AWS's URL.
        pump: The event pump; `pump.drain(timeout_s)` waits until all events are handled.
        mails: The mails that the app sent.

    Raises on entry PortTakenError, StateError, TemplateError and PumpError, with texts meant for a person; then nothing
    stays behind.
    """

    api_url: str | None
    aws_url: str
    pump: EventPump
    mails: Mailbox

    def __init__(  # noqa: PLR0913 - each is a choice of its own, and all have defaults
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        aws_port: int = 0,
        state: Path | str | None = None,
        *,
        app: Chalice | None = None,
        retry_delays_s: Sequence[int] = RETRY_DELAYS_S,
        serve_api: bool = True,
        access_log: bool = True,
        tls: TlsEnd | None = None,
    ) -> None:
        self._api_address = (host, port) if serve_api else None
        self._aws_port = aws_port
        self._state = None if state is None else Path(state)
        self._app = app
        self._retry_delays_s = retry_delays_s
        self._access_log = access_log
        self._tls = tls
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._exit.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        # What can be refused comes first, and ports are claimed before the slow part: then a mistake shows at once.
        api_listener = (
            stack.enter_context(listen(*self._api_address, advice=API_PORT_ADVICE)) if self._api_address else None
        )
        aws_listener = stack.enter_context(
            listen("127.0.0.1", self._aws_port, called=AWS_PORT_NAME, advice=AWS_PORT_ADVICE)
        )
        scheme = "http" if self._tls is None else "https"
        self.api_url = None if api_listener is None else url_of(api_listener, scheme)
        self.aws_url = url_of(aws_listener)
        journal = None
        if self._state is not None:
            journal = stack.enter_context(contextlib.closing(Journal.open(self._state)))
        variables = local_environment(self.aws_url)
        stack.enter_context(applied(variables))
        emulator = stack.enter_context(Emulator(journal))
        self.mails = emulator.mails
        template = Template(TEMPLATE, {"Stage": variables["STAGE"], "RawBucketName": variables["RAW_BUCKET"]})
        ResourceMaker(emulator, journal.secret if journal else None).make_all(template)
        emulator.restore()
        aws_server = AwsServer(aws_listener, emulator.handle)
        aws_server.start()
        stack.callback(aws_server.stop)
        app = self._app or _project_app()
        self.pump = stack.enter_context(EventPump(app, emulator, self._retry_delays_s))
        if api_listener is not None:
            served = stack.enter_context(serving(app))
            api_server = ApiServer(api_listener, served, access_log=self._access_log, tls=self._tls)
            api_server.start()
            stack.callback(api_server.stop)


def _project_app() -> Chalice:
    """Import the project's app, now that the environment is what it shall see."""
    folder = str(PROJECT)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    app: Chalice = importlib.import_module("app").app
    return app
