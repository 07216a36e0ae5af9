"""The environments that benchmarks run in: made by uv from the lock files, and made again when those change."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from bench.measure import progress

ROOT = Path(__file__).resolve().parents[1]
_RUNTIME_LOCK = ROOT / "requirements.txt"
_BENCH_LOCK = ROOT / "requirements-bench.txt"
_STAMP = "made-from.sha256"


def bench_python() -> Path:
    """Return the Python of `.venv-bench`: the runtime's requirements, Chalice and the competitors."""
    return _make(ROOT / ".venv-bench", "sync", ["--require-hashes", str(_BENCH_LOCK)])


def runtime_python() -> Path:
    """Return the Python of `.venv-runtime`: the runtime's requirements and Chalice, nothing else.

    requirements.txt does not name Chalice, so its version and all hashes come from the benchmarks' lock file.
    """
    locked = re.search(r"^chalice==\S+", _BENCH_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if locked is None:
        raise RuntimeError("requirements-bench.txt does not pin chalice")
    hashed = ["--require-hashes", "-r", str(_RUNTIME_LOCK), "-c", str(_BENCH_LOCK)]
    return _make(ROOT / ".venv-runtime", "install", [*hashed, locked[0]])


def _make(folder: Path, command: str, requirements: list[str]) -> Path:
    python, stamp, wanted = folder / "bin" / "python", folder / _STAMP, _fingerprint()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return python
    progress(f"making {folder.name}")
    uv = _uv()
    # --clear leaves the stamp out until everything is in place, so that a run cut short is made again.
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    # Without bytecode, as Chalice's zip is: the benchmark of the imports counts on it.
    subprocess.run(
        [uv, "pip", command, "--quiet", "--no-compile-bytecode", "--python", str(python), *requirements], check=True
    )
    stamp.write_text(wanted, encoding="ascii")
    return python


def _fingerprint() -> str:
    locks = b"\0".join(lock.read_bytes() for lock in (_RUNTIME_LOCK, _BENCH_LOCK))
    return hashlib.sha256(locks + sys.version.encode()).hexdigest()


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    if not beside.exists():
        raise RuntimeError("uv is not in this environment: run the benchmarks with .venv/bin/python")
    return str(beside)
