"""The description of the API for programs (OpenAPI) and for people (a page that reads and tries it).

The page is Swagger UI, from files that the deployment holds: nothing is fetched from elsewhere
(docs/decisions/0017-the-description.md).
"""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from chalicelib.call import Call, Caller, Html, Reply, Text
from chalicelib.errors import NotFound
from chalicelib.operation import OPERATIONS, Operation, Scope
from chalicelib.request import JSON
from chalicelib.web import Routes

TITLE = "RevMetrix Web API"
VERSION = "1.0.0"
ABOUT = """\
The backend of an instrumented bowling ball: accounts, bridges, devices, captures and metrics.

**Problems.** Every answer from 400 on is an RFC 9457 document; programs look at its `type`. API Gateway answers some
requests by itself, with `{"message": ...}`: 403 for a path or method that does not exist, 413 above 10 MB, 429 when too
many come at once, and 504 after 29 s.

**Limits.** A JSON body has at most 64 KiB, a binary one at most what its operation says, request line and headers
together at most 10,240 bytes, a list at most 100 items.

**Request ids.** Send `X-Request-Id` (1 to 128 of `A-Za-z0-9._-`) and find it in the answer and in the log; anything
else is replaced.
"""

Viewer = Literal["swagger-ui-bundle.js", "swagger-ui.css", "start.js"]
_MEDIA_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
# Lambda has what is in vendor/ beside chalicelib.
_HOUSE = Path(__file__).parents[1]
_VIEWER_FOLDERS = (_HOUSE / "swagger_ui", _HOUSE / "vendor" / "swagger_ui")

# Swagger UI marks its images up as data; everything else comes from here, and no script or style stands in a page.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FILE_HEADERS = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}

# Addresses are relative: on AWS the stage's name stands before each path.
_PAGE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui-bundle.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body>
<div id="viewer">
<noscript>This page needs JavaScript. The description itself is at <a href="openapi.json">openapi.json</a>.</noscript>
</div>
</body>
</html>
"""
_PAGE_WITHOUT_VIEWER = f"""\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{TITLE}</title></head>
<body>
<h1>{TITLE}</h1>
<p>The description is at <a href="openapi.json">openapi.json</a>; any viewer of OpenAPI 3.1 reads it.</p>
<p>This installation has no viewer of its own: its files were not laid into vendor/swagger_ui before it was packed.</p>
</body>
</html>
"""
# No validator: it would send the description to another's server.
_START = """\
SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#viewer",
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  tryItOutEnabled: true,
});
"""


def _nobody(_: str, __: Operation) -> Caller:
    raise AssertionError("a public route asks for no credential")


routes = Routes(__name__, _nobody, "description")


@routes.get("/openapi.json", scope=Scope.PUBLIC, response=JSON)
def get_description(_: Call[None]) -> Reply:
    """Describe the API, as OpenAPI 3.1."""
    return Reply(Text(description_json()), headers={"Content-Type": JSON, "Cache-Control": "no-cache"})


@routes.get(
    "/docs",
    scope=Scope.PUBLIC,
    response="text/html",
    also={308: None},
    answer_headers={"Location": "`../docs`, of a request for `/docs/`."},
)
def get_page(call: Call[None]) -> Reply:
    """Give a page that reads and tries the API.

    `/docs/` is sent on to `/docs`.
    """
    if call.path.endswith("/"):
        # The gateway takes this path for /docs, and a browser would look for the page's files one folder too deep.
        return Reply(None, status=308, headers={"Location": "../docs"})
    return Reply(Html(_PAGE if _viewer_folder() else _PAGE_WITHOUT_VIEWER), headers=_PAGE_HEADERS)


@routes.get("/docs/{file}", scope=Scope.PUBLIC, response="text/*", parameters={"file": Viewer})
def get_page_file(_: Call[None], file: Viewer) -> Reply:
    """Give a file of that page."""
    headers = {**_FILE_HEADERS, "Content-Type": _MEDIA_TYPES[file.rpartition(".")[2]]}
    return Reply(Text(_START if file == "start.js" else _viewer_file(file)), headers=headers)


@cache
def description_json() -> str:
    """Return the OpenAPI document, made once in a process, when somebody asks."""
    # Imported when used: a cold start that serves something else does not pay for it.
    from chalicelib.openapi import describe  # noqa: PLC0415 - see above

    document = describe(OPERATIONS, title=TITLE, version=VERSION, description=ABOUT)
    return msgspec.json.encode(document).decode()


def _viewer_file(name: str) -> str:
    folder = _viewer_folder()
    if folder is None:
        raise NotFound("This installation has no viewer; the description is at /openapi.json.")
    return (folder / name).read_text(encoding="utf-8")


def _viewer_folder() -> Path | None:
    return next((folder for folder in _VIEWER_FOLDERS if (folder / "swagger-ui-bundle.js").is_file()), None)
