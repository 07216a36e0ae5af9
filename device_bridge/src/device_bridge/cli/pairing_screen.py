"""What a person sees, and a kiosk reads, while a bridge waits to be approved."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from device_bridge.cli.console import Output
from device_bridge.cli.large_letters import large
from device_bridge.pairing_api import Pairing

if TYPE_CHECKING:
    from rich.status import Status

_MINUTE_S = 60.0


class PairingScreen:
    """Shows codes: on stdout a line for each, on a terminal's stderr in large letters, with a line that moves.

    Args:
        output: The two streams.
        api: The API's address.
        is_json: Whether stdout gets one JSON object for each code, so that a kiosk can show it.
    """

    def __init__(self, output: Output, api: str, *, is_json: bool) -> None:
        self._output = output
        self._api = api
        self._is_json = is_json
        self._status: Status | None = None
        self._trouble: str | None = None
        self._codes = 0

    @property
    def has_shown(self) -> bool:
        """Whether a code was shown."""
        return self._codes > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_line()

    def show(self, pairing: Pairing) -> None:
        """Show a code, in the place of an earlier one."""
        self._stop_line()
        if self._codes:
            self._output.message("device_bridge: that code is void by now; this is a new one")
        self._codes += 1
        if self._is_watched():
            letters = large(pairing.code, self._output.messages.width)
            self._output.messages.print(f"\n{letters or ' '.join(pairing.code)}\n")
        if self._is_json:
            facts = {"code": pairing.code, "expires_in_s": pairing.expires_in_s, "api": self._api}
            self._output.json(facts)
        else:
            self._output.result(f"code {pairing.code}, good for {_minutes(pairing.expires_in_s)}")
        self._output.message(
            f"device_bridge: in the app: approve bridge {pairing.code}; or: phone_client approve-bridge {pairing.code}"
        )
        if not self._is_watched():
            self._output.message("device_bridge: waits until somebody has approved it; Ctrl-C ends, nothing is lost")

    def waiting(self, left_s: float) -> None:
        """Show that all is well, and how long the code is still good."""
        if self._trouble is not None:
            self._trouble = None
            if not self._is_watched():
                self._output.message("device_bridge: the API answers again")
        self._line(f"waits until somebody has approved it; the code is good for {_minutes(left_s)} (Ctrl-C ends)")

    def trouble(self, what: str, wait_s: float) -> None:
        """Show what went wrong, and in how many seconds it is tried again."""
        if self._is_watched():
            self._line(f"{what}; it is tried again in {wait_s:.0f} s")
        elif what != self._trouble:
            self._output.message(f"device_bridge: {what}; it is tried again in {wait_s:.0f} s")
        self._trouble = what

    def _is_watched(self) -> bool:
        return self._output.messages.is_terminal and self._output.log_format == "text"

    def _line(self, text: str) -> None:
        """Show a text in the line that moves; where nobody watches there is none."""
        if not self._is_watched():
            return
        if self._status is None:
            self._status = self._output.messages.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def _stop_line(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _minutes(seconds: float) -> str:
    return f"{seconds / _MINUTE_S:.0f} minutes" if seconds > 1.5 * _MINUTE_S else f"{seconds:.0f} s"
