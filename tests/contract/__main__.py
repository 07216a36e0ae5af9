"""`python -m tests.contract --requests N --seed S`: the campaigns against the API, at any size.

Prints what was sent as a line of JSON; exits 0 only if nothing was answered with 500 or above, everything had the form
that the description of the API declares, and nobody was shown what is another's.
"""

import argparse
import os
import random
import sys
from urllib.parse import urlsplit

from local_cloud.cloud import LocalCloud
from tests.api import Api
from tests.contract import raw_campaign
from tests.contract.campaign import as_json, run
from tests.contract.identities import People

NO_LIMITS: tuple[str, ...] = ("LOGIN_FAILURES_PER_ACCOUNT", "LOGIN_FAILURES_PER_ADDRESS", "REGISTRATIONS_PER_ADDRESS")
NO_LIMITS += ("PASSWORD_RESETS_PER_ADDRESS", "MAILS_PER_RECIPIENT")


def main(arguments: list[str]) -> int:
    """Run the campaigns against a local cloud of their own."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract")
    parser.add_argument("--requests", type=int, default=5_000, help="requests made from the description")
    parser.add_argument("--raw", type=int, default=None, help="requests with wrong bytes (default: a fifth as many)")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run")
    options = parser.parse_args(arguments)
    seed = random.randrange(2**32) if options.seed is None else options.seed  # noqa: S311 - a campaign's, no secret
    _tell(f"seed {seed}")
    os.environ.update(dict.fromkeys(NO_LIMITS, "0"))
    with LocalCloud(access_log=False) as cloud:
        api = Api(str(cloud.api_url))
        campaign = run(api, options.requests, seed, _tell)
        parts = urlsplit(api.url)
        address = (str(parts.hostname), int(parts.port or 0))
        credential = str(People(api).everyone["alice"].credential)
        raw = raw_campaign.run(address, credential, options.requests // 5 if options.raw is None else options.raw, seed)
        api.close()
    for operation, violation in campaign.violations.items():
        _tell(f"VIOLATION {operation}\n{violation}\n")
    sys.stdout.write(as_json(campaign, raw) + "\n")
    return 1 if campaign.violations else 0


def _tell(text: str) -> None:
    sys.stderr.write(f"contract: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
