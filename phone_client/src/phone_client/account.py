"""One's own account: profile, password, address, logins, export, and its end."""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from msgspec.structs import replace

from phone_client.answers import Answer, read_bytes, read_json
from phone_client.errors import UsageError
from phone_client.exports import Exports
from phone_client.lists import walk
from phone_client.login import Login
from phone_client.request import JSON, NEVER, Request, posting, reading, sending
from phone_client.timing import Timing
from phone_client.transport import Transport
from phone_client.users import Closing, Export, LoginList, OpenLogin, ProfileChange, User

LONGEST_EXPORT_S = 600.0
_ME = "/v1/users/me"
_VERIFICATIONS = "/v1/email-verifications"
_RESETS = "/v1/password-resets"
_LOGIN_ID = re.compile(r"[0-9a-f-]{36}")


class Account:
    """The operations of one's own account, as `ApiClient.account` has them.

    Args:
        send: Sends a request with the user's credential.
        transport: Sends those that need none, and follows links.
        login: The login, which some of them end.
        timing: The clocks and the waiting.
    """

    def __init__(self, send: Callable[[Request], Answer], transport: Transport, login: Login, timing: Timing) -> None:
        self._send = send
        self._transport = transport
        self._login = login
        self._exports = Exports(send, transport, timing)

    def profile(self) -> User:
        """Return the profile, with the ETag that a change of it needs."""
        return _user_in(self._send(reading(_ME)))

    def change_profile(self, change: ProfileChange, if_match: str) -> User:
        """Change the profile and return it as it is now.

        Args:
            change: What is to change; the rest stays.
            if_match: The ETag of the profile that the change was made for.

        Raises:
            ChangedMeanwhileError: The profile has changed since; nothing was changed now.
            LoginTooOldError: Another address needs a login of the last 10 minutes.
            UsernameTakenError: Someone has this username.
        """
        if not if_match.isascii() or not if_match.isprintable():
            raise UsageError("This is no ETag. Read the profile, and give its ETag as it is shown. Nothing was sent.")
        # Sent twice, the second one would find the profile changed, by the first.
        request = sending("PATCH", _ME, change, if_lost="The profile may be changed: read it before you try again.")
        return _user_in(self._send(request.with_headers({"If-Match": if_match})))

    def change_password(self, current_password: str, new_password: str) -> None:
        """Change the password; all other logins end.

        Raises:
            WrongPasswordError: The current password is wrong; nothing was changed.
        """
        fields = {"current_password": current_password, "new_password": new_password}
        if_lost = "The password may be the new one already: log in with it to see."
        read_bytes(self._send(sending("PUT", f"{_ME}/password", fields, if_lost=if_lost)))

    def request_password_reset(self, email: str) -> None:
        """Have a code sent to an address. The server never tells whether a user has confirmed it."""
        if_lost = "The mail may be on its way: look there before you ask again."
        read_bytes(self._transport.send(posting(_RESETS, {"email": email}, if_lost=if_lost)))

    def reset_password(self, email: str, code: str, password: str) -> None:
        """Set a new password by the code that was sent to the address; all logins end.

        Raises:
            CodeInvalidError: The code is wrong, used, replaced or too old; nothing was changed.
        """
        fields = {"email": email, "code": code, "password": password}
        if_lost = "The password may be the new one already: log in with it to see."
        read_bytes(self._transport.send(posting(f"{_RESETS}/confirmation", fields, if_lost=if_lost)))

    def request_email_code(self) -> None:
        """Have a code sent to one's address, to confirm it.

        Raises:
            ProblemError: It is confirmed already, or too many mails were sent.
        """
        if_lost = "The mail may be on its way: look there before you ask again."
        read_bytes(self._send(Request("POST", _VERIFICATIONS, if_lost, NEVER, headers={"Accept": JSON})))

    def confirm_email(self, code: str) -> None:
        """Confirm one's address by the code that was sent there.

        Raises:
            CodeInvalidError: The code is wrong, used, replaced or too old; nothing was changed.
            ProblemError: Another user has confirmed this address.
        """
        if_lost = "The address may be confirmed: the profile tells."
        read_bytes(self._send(posting(f"{_VERIFICATIONS}/confirmation", {"code": code}, if_lost=if_lost)))

    def logins(self) -> Iterator[OpenLogin]:
        """Return one's open logins; fetched in parts, as far as they are read."""
        return walk(lambda query: read_json(self._send(reading(f"{_ME}/logins", query)), LoginList))

    def end_login(self, login_id: str) -> None:
        """End a login, for instance of a lost phone; one that has ended already stays so.

        Raises:
            NotFoundError: There is no such login.
            UsageError: This is no login's id.
        """
        if not _LOGIN_ID.fullmatch(login_id):
            raise UsageError("A login's id is 36 hexadecimal digits and hyphens. Nothing was sent.")
        if_lost = "It may have ended: list the logins."
        # Not sent twice: when it is this client's own, the second one would only be told that the login is gone.
        path = f"{_ME}/logins/{login_id}"
        read_bytes(self._send(Request("DELETE", path, if_lost, NEVER, headers={"Accept": JSON})))

    def log_out_everywhere(self) -> None:
        """End all logins, this one too, and forget it here. After an error it is kept, to try again with it."""
        if_lost = "The logins may have ended. Try again: to be told that yours has ended means that all have."
        read_bytes(self._send(Request("DELETE", "/v1/tokens/all", if_lost, NEVER, headers={"Accept": JSON})))
        self._login.forget()

    def request_export(self) -> Export:
        """Ask for an archive of everything that is held; while one is on its way, that one is returned."""
        return self._exports.request()

    def export(self) -> Export:
        """Return the export that was asked for last.

        Raises:
            NotFoundError: None was asked for, or the last one has expired.
        """
        return self._exports.show()

    def wait_for_export(
        self, timeout_s: float = LONGEST_EXPORT_S, on_progress: Callable[[Export], None] = lambda _: None
    ) -> Export:
        """Return the export that was asked for last, once it is ready.

        Args:
            timeout_s: For how long to wait.
            on_progress: Called with each state that is new.

        Raises:
            ExportFailedError: It could not be made; ask for another one.
            StillPendingError: It is not ready in time; the server goes on with it.
            NotFoundError: None was asked for.
        """
        return self._exports.wait(timeout_s, on_progress)

    def save_export(self, file: BinaryIO) -> int:
        """Write the archive of a ready export into an empty file that can be sought in; return how many bytes it has.

        What is in the file after an error is of no use.

        Raises:
            ArchiveChangedError: What arrived is not the archive, whole.
            StillPendingError: It is not ready.
            NotFoundError: None was asked for.
        """
        return self._exports.save(file)

    def delete(self) -> Closing:
        """Delete the account and everything in it, for good, and forget the login here.

        Raises:
            LoginTooOldError: It needs a login of the last 10 minutes; nothing happened.
        """
        if_lost = "The account may be closed already: log in to see."
        closing = read_json(self._send(Request("DELETE", _ME, if_lost, NEVER, headers={"Accept": JSON})), Closing)
        self._login.forget()
        return closing


def _user_in(answer: Answer) -> User:
    return replace(read_json(answer, User), etag=answer.headers.get("ETag"))
