"""One request to the emulated AWS and its reply, as values that can be written down and played again."""

import io
import json
import sys
from dataclasses import dataclass
from typing import Any

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY

HOP_BY_HOP = frozenset({"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_CONNECTION"})
"""What belonged to the connection, not to the call."""

READING_OPERATIONS = ("BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet", "Validate")
QUEUEING_OPERATIONS = ("Send", "ChangeMessageVisibility", "StartMessageMove")
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
KEPT_JSON_SERVICES = frozenset({"dynamodb", "secretsmanager"})

FIRST_ERROR_STATUS = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP reply.

    Attributes:
        status: The status code.
        headers: Names and values in order, names may repeat.
        body: The bytes after the headers.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def accepted(self) -> bool:
        """Whether the request did what it asked for."""
        return self.status < FIRST_ERROR_STATUS


@dataclass(frozen=True, slots=True)
class Call:
    """A whole request: the CGI variables of WSGI (texts, and moto's table of header spellings) and the body."""

    variables: dict[str, Any]
    body: bytes

    @classmethod
    def from_environ(cls, environ: dict[str, Any], body: bytes) -> "Call":
        """Keep of a WSGI environment what a replay needs; `body` is the request's body without its framing."""
        variables = {
            name: value
            for name, value in environ.items()
            if isinstance(value, str) and name.isupper() and name not in HOP_BY_HOP
        }
        variables["CONTENT_LENGTH"] = str(len(body))
        if spellings := environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY):
            variables[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = spellings
        return cls(variables, body)

    @classmethod
    def from_json(cls, variables: str, body: bytes) -> "Call":
        """Return the call whose `variables_json` and body were stored."""
        return cls(json.loads(variables), body)

    def variables_json(self) -> str:
        """Return the variables as JSON text, for storing."""
        return json.dumps(self.variables, separators=(",", ":"))

    def environ(self) -> dict[str, Any]:
        """Return a fresh WSGI environment of this call."""
        return {
            **self.variables,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }

    @property
    def operation(self) -> str:
        """The operation that the header X-Amz-Target names (`PutItem`), or an empty text where S3 has none."""
        return str(self.variables.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]

    def may_queue_message(self, service: str) -> bool:
        """Whether there may be a message to receive after the call that was not there before."""
        if service == "s3":
            return self.variables["REQUEST_METHOD"] not in READING_METHODS
        return service == "sqs" and self.operation.startswith(QUEUEING_OPERATIONS)

    def is_kept_write(self, service: str) -> bool:
        """Whether the call may change what survives a restart: tables, objects and secrets.

        `service` is moto's name of the service. What is not known as a read counts as a write.
        """
        if service == "s3":
            return self.variables["REQUEST_METHOD"] not in READING_METHODS
        return service in KEPT_JSON_SERVICES and not self.operation.startswith(READING_OPERATIONS)
