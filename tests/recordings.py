"""The real recordings, which are not part of the project."""

import os
from pathlib import Path

import pytest

RECORDINGS = Path(os.environ.get("REVMETRIX_RECORDINGS", Path(__file__).parents[2] / "shared" / "data" / "recordings"))


def recording(name: str) -> Path:
    """Return a real recording, or skip the test where they are absent."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"the real recordings are not here ({name}); REVMETRIX_RECORDINGS names their folder")
    return path
