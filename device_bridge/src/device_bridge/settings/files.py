"""Settings files: TOML, read strictly, and changed without touching what else stands in them."""

import contextlib
import difflib
import errno
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from device_bridge.errors import UsageError
from device_bridge.settings.table import BY_NAME, CREDENTIAL

PRIVATE_FILE = 0o600
_ORDINARY_FILE = 0o644
_PRIVATE_FOLDER = 0o700
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_STRING = r"""("(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""


def read_config(path: Path) -> dict[str, object]:
    """Return the settings of a file, each as TOML gives it.

    Raises:
        UsageError: It cannot be read, is no TOML, or holds a key that is no setting.
        FileNotFoundError: There is no such file.
    """
    return parse_config(_read(path), path)


def parse_config(text: str, path: Path) -> dict[str, object]:
    """Return the settings of a file's text.

    Args:
        text: TOML.
        path: The file, for messages.

    Raises:
        UsageError: It is no TOML, or holds a key that is no setting.
    """
    import tomllib  # noqa: PLC0415 - 10 ms that only a computer with a settings file spends

    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the settings file {path} is no TOML: {error}") from error
    for key in found:
        if key not in BY_NAME:
            raise UsageError(f"the settings file {path} has an unknown setting {key!r}: {_advice(key)}")
    return found


def _advice(key: str) -> str:
    if key == "credential":
        return (
            f"a credential does not stand there; `device_bridge enrol` puts it into a file of its own, or {CREDENTIAL}"
        )
    nearest = difflib.get_close_matches(key, [*BY_NAME], n=1, cutoff=0.5)
    return f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(BY_NAME)}"


def _read(path: Path) -> str:
    try:
        # newline="" keeps the file's own line ends for whoever writes it back.
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"the settings file {path} cannot be read: {why}") from error


def change_config(path: Path, values: Mapping[str, str]) -> None:
    """Set some settings of a file, made when it is missing; every other line of it stays as it is.

    Args:
        path: The file.
        values: Texts by the settings' names.

    Raises:
        UsageError: It cannot be read or written, or its form is one that is not changed by a program.
    """
    try:
        before = _read(path)
    except FileNotFoundError:
        before = ""
    after = before
    for name, value in values.items():
        after = _with_value(after, name, value)
    try:
        is_right = parse_config(after, path) == {**parse_config(before, path), **values}
    except UsageError:
        parse_config(before, path)
        is_right = False
    if not is_right:
        wanted = " and ".join(f'{name} = "{value}"' for name, value in values.items())
        raise UsageError(f"the settings file {path} cannot be changed by a program: write {wanted} into it")
    if after != before:
        write_file(path, after.encode("utf-8"), _mode_of(path))


def _with_value(text: str, name: str, value: str) -> str:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    found = re.search(rf"^[ \t]*{name}[ \t]*=[ \t]*{_STRING}", text, re.MULTILINE)
    if found:
        return text[: found.start(1)] + quoted + text[found.end(1) :]
    line_end = "\r\n" if "\r\n" in text else "\n"
    separator = "" if not text or text.endswith("\n") else line_end
    return f"{text}{separator}{name} = {quoted}{line_end}"


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return _ORDINARY_FILE


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Write a file whole or not at all; a folder that is missing is made, for its owner alone.

    Args:
        path: The file; where it is a link, what it points to.
        data: Its content.
        mode: Its permissions, from the moment it exists.

    Raises:
        UsageError: It cannot be written; what was there before is still there.
    """
    place = Path(os.path.realpath(path))
    unfinished = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        try:
            _write_through(unfinished, data, mode)
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_folder(place.parent)
    except OSError as error:
        advice = ". Make room on its disk, then try again" if error.errno in _FULL else ""
        raise UsageError(
            f"{path} cannot be written: {error.strerror}; what was there before is kept{advice}"
        ) from error


def _write_through(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Have the new name survive a power cut; a system that cannot sync a folder (Windows) does without."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
