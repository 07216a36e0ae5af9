"""`python -m local_cloud.viewer`: lays the viewer of the API's description where the app and `chalice package` find it.

The files come from the installed flask-swagger-ui, which is pinned and hashed; the project uses none of its code. They
are the official distribution of Swagger UI, byte for byte, under its Apache-2.0 licence, which goes with them.
"""

import importlib.util
import shutil
from pathlib import Path

from local_cloud.environment import PROJECT

SOURCE = "flask_swagger_ui"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "VERSION")
VIEWER = PROJECT / "vendor" / "swagger_ui"


class ViewerMissingError(Exception):
    """The package that holds the viewer's files is not installed."""


def lay_viewer(target: Path = VIEWER) -> None:
    """Copy the viewer's files, in place of those that are there.

    Raises:
        ViewerMissingError: The package is not installed.
    """
    # Found, never imported: its code needs Flask.
    spec = importlib.util.find_spec(SOURCE)
    if spec is None or not spec.submodule_search_locations:
        raise ViewerMissingError(f"{SOURCE} is not installed; run make, which sets up .venv")
    distribution = Path(spec.submodule_search_locations[0]) / "dist"
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(distribution / name, target / name)


if __name__ == "__main__":
    lay_viewer()
