"""Taking along what is held about oneself, and having it erased."""

import sys
from argparse import Namespace
from pathlib import Path

from phone_client.cli.printing import print_result
from phone_client.cli.tables import printable, time_text
from phone_client.client import ApiClient
from phone_client.errors import ClientError, ExitCode, LoginNeededError, UsageError
from phone_client.files import OWNER_ONLY, replacing
from phone_client.users import Export


def export(client: ApiClient, options: Namespace) -> ExitCode:
    """Fetch the archive of everything that is held, whole or not at all."""
    path = Path(options.out)
    if not path.parent.is_dir() or (path.exists() and not path.is_file()):
        raise UsageError(f"{path} cannot be a file: check its folder. Nothing was sent.")
    if not options.last:
        client.account.request_export()
    ready = client.account.wait_for_export(options.wait, _tell)
    size_bytes = _save(client, path)
    told = {"id": ready.id, "size_bytes": size_bytes, "out": options.out}
    return print_result(options, told, f"{size_bytes} bytes are in {path}, readable by you only.")


def _tell(export: Export) -> None:
    # On standard error, where it is in no script's way.
    sys.stderr.write(f"The export is {printable(export.state)}.\n")
    sys.stderr.flush()


def _save(client: ApiClient, path: Path) -> int:
    try:
        with replacing(path, OWNER_ONLY) as file:
            return client.account.save_export(file)
    except OSError as error:
        raise ClientError(
            f"{path} could not be written: {error.strerror}. What it held before is untouched; the export is kept at "
            "the server: make room, and fetch it with --last."
        ) from error


def delete_account(client: ApiClient, options: Namespace) -> ExitCode:
    """Delete the account, once the user means it."""
    username = client.username
    if username is None:
        raise LoginNeededError(f"Nobody is logged in to {client.api_url}. Nothing was deleted; log in first.")
    if not options.yes:
        _require_meant(username)
    closing = client.account.delete()
    text = (
        f"The account {username} is closed, and forgotten on this machine. Everything in it is gone by "
        f"{time_text(closing.gone_by)}."
    )
    return print_result(options, closing, text)


def _require_meant(username: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on whether you mean it. Nothing was deleted; use --yes.")
    sys.stderr.write(
        f"This deletes the account {printable(username)} with all captures, devices and bridges in it. There is no way "
        "back; `export` saves what is in it.\nType the username to go on: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != username:
        raise UsageError("That is not the username. Nothing was deleted.")
