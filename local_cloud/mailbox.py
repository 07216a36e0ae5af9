"""The mails that the app sends: none leaves this machine, each is kept until the emulator ends, and can be shown."""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_KEPT = 1000
NOBODY = "@simulator.amazonses.com"
"""Mail to SES's own simulator is for nobody, here too."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it was handed to SES.

    Attributes:
        sender: Whom it is from.
        recipients: Whom it is to.
        subject: Its subject.
        text: Its text.
    """

    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str


class Mailbox:
    """The last mails, oldest first.

    Attributes:
        show: Called with each mail that comes in, but for nobody's; None shows none.
    """

    show: Callable[[Mail], None] | None = None

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=MOST_KEPT)
        self._lock = threading.Lock()

    def keep(self, body: bytes) -> None:
        """Keep the mail of an accepted SendEmail call (Amazon SES API v2, simple content)."""
        call = json.loads(body)
        simple = call["Content"]["Simple"]
        recipients = tuple(call.get("Destination", {}).get("ToAddresses", ()))
        text = simple["Body"].get("Text", {}).get("Data", "")
        mail = Mail(call["FromEmailAddress"], recipients, simple["Subject"]["Data"], text)
        with self._lock:
            self._mails.append(mail)
        if self.show is not None and not all(address.endswith(NOBODY) for address in recipients):
            self.show(mail)

    def sent_to(self, address: str) -> list[Mail]:
        """Return the mails to an address, oldest first."""
        with self._lock:
            return [mail for mail in self._mails if address in mail.recipients]
