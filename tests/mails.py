"""Reading the codes in the mails that the local cloud keeps."""

import re

from local_cloud.cloud import LocalCloud


def code_sent_to(cloud: LocalCloud, address: str) -> str:
    """Return the code of the last mail to an address."""
    found = re.search(r"\b[0-9]{8}\b", cloud.mails.sent_to(address)[-1].text)
    assert found is not None
    return found[0]
