"""What the environment decides, read when it is first needed.

Chalice sets the stage's variables at different moments (before the import on Lambda and in `chalice local`, around
each call in `chalice.test`), so nothing here is read at import.
"""

import os
from dataclasses import dataclass
from functools import cache

LARGEST_INLINE_CAPTURE_BYTES = 4 * 1024 * 1024
"""A Lambda request may hold 6 MB with its base64, so about 4.5 MB raw: the inline limit stays below that."""


ERASURE_WAIT_S = 26 * 60
"""The longest that a token or a request of before the closing can still work: an access token's 15 minutes, a presigned
PUT's 10 that begins with them, and one for the request itself. A job's function ends after 15 minutes."""
LARGEST_FIGURE = 1000
"""Each try that counts is remembered, in an item of at most a few kilobytes."""


@dataclass(frozen=True, slots=True)
class Most:
    """What throttling allows; 0 lifts a limit.

    Attributes:
        login_failures_per_account: Wrong passwords of one username in 15 minutes.
        login_failures_per_address: Wrong passwords and codes from one address in 15 minutes.
        registrations_per_address: Registrations from one address in an hour.
        resets_per_address: Forgotten passwords from one address in an hour.
        mails_per_recipient: Mails to one address in an hour.
        pairings_per_address: Codes given to bridges at one address in an hour.
        guesses_per_user: Wrong pairing codes of one user, and claims of devices that another has, each in 15 minutes.
    """

    login_failures_per_account: int
    login_failures_per_address: int
    registrations_per_address: int
    resets_per_address: int
    mails_per_recipient: int
    pairings_per_address: int
    guesses_per_user: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of the stage's resources.

    Attributes:
        stage: The name that every resource carries: `revmetrix-<stage>-...`.
        region: The region of the resources.
        accounts_table: The User database's table.
        audit_table: What admins did and what was denied.
        captures_table: The Raw database's index.
        scorebook_table: Bowlers' entries.
        raw_bucket: The Raw database's bucket.
        processing_queue: The queue that tells of new objects in the bucket.
        jobs_queue: The queue of work that outlives a request.
        export_bucket: Where exports lie until they expire.
        erasure_wait_s: How long after an account was closed it is swept for the last time.
        signing_keys_secret: The secret that holds the keys of the access tokens.
        cors_origin: Which pages of other origins may use the API: one origin, `*` for all, None for none.
        log_requests: Whether every request and error is written to the log as a line of JSON.
        mail_sender: The address that mails come from, which SES has to know.
        most: What throttling allows.
    """

    stage: str
    region: str
    accounts_table: str
    audit_table: str
    captures_table: str
    scorebook_table: str
    raw_bucket: str
    processing_queue: str
    jobs_queue: str
    export_bucket: str
    erasure_wait_s: float
    signing_keys_secret: str
    cors_origin: str | None
    log_requests: bool
    mail_sender: str
    most: Most


def region() -> str:
    """Return the region of the resources: AWS_REGION or AWS_DEFAULT_REGION, by default `us-east-1`."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@cache
def settings() -> Settings:
    """Return the settings of this process, read once from the environment, as `read_settings` gives them."""
    return read_settings()


def read_settings() -> Settings:
    """Return what the environment says now.

    Variables: STAGE (default `local`), RAW_BUCKET (default `revmetrix-<stage>-raw`), CORS_ORIGIN (default none),
    LOG_REQUESTS (`1` or `0`, default `1` for every stage but `local`), MAIL_SENDER,
    ERASURE_WAIT_S (default 1,560), and those of `read_most` and `region`.
    """
    stage = os.environ.get("STAGE", "local")
    raw_bucket = os.environ.get("RAW_BUCKET") or f"revmetrix-{stage}-raw"
    return Settings(
        stage=stage,
        region=region(),
        accounts_table=f"revmetrix-{stage}-accounts",
        audit_table=f"revmetrix-{stage}-audit",
        captures_table=f"revmetrix-{stage}-captures",
        scorebook_table=f"revmetrix-{stage}-scorebook",
        raw_bucket=raw_bucket,
        processing_queue=f"revmetrix-{stage}-processing",
        jobs_queue=f"revmetrix-{stage}-jobs",
        export_bucket=f"{raw_bucket}-exports",
        erasure_wait_s=float(os.environ.get("ERASURE_WAIT_S") or ERASURE_WAIT_S),
        signing_keys_secret=f"revmetrix-{stage}-signing-keys",
        cors_origin=os.environ.get("CORS_ORIGIN") or None,
        log_requests=(os.environ.get("LOG_REQUESTS") or str(int(stage != "local"))) == "1",
        mail_sender=os.environ.get("MAIL_SENDER") or "no-reply@revmetrix.example",
        most=read_most(),
    )


def read_most() -> Most:
    """Return what throttling allows.

    Variables, each from 0 (no limit) to 1,000: LOGIN_FAILURES_PER_ACCOUNT (default 10), LOGIN_FAILURES_PER_ADDRESS
    (100), REGISTRATIONS_PER_ADDRESS (60), PASSWORD_RESETS_PER_ADDRESS (20), MAILS_PER_RECIPIENT (5),
    PAIRINGS_PER_ADDRESS (120), GUESSES_PER_USER (10).

    Raises:
        ValueError: A variable holds something else.
    """
    return Most(
        login_failures_per_account=_figure("LOGIN_FAILURES_PER_ACCOUNT", 10),
        login_failures_per_address=_figure("LOGIN_FAILURES_PER_ADDRESS", 100),
        registrations_per_address=_figure("REGISTRATIONS_PER_ADDRESS", 60),
        resets_per_address=_figure("PASSWORD_RESETS_PER_ADDRESS", 20),
        mails_per_recipient=_figure("MAILS_PER_RECIPIENT", 5),
        pairings_per_address=_figure("PAIRINGS_PER_ADDRESS", 120),
        guesses_per_user=_figure("GUESSES_PER_USER", 10),
    )


def _figure(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) > LARGEST_FIGURE:
        raise ValueError(f"{name} is {text!r}; give a whole number from 0 (no limit) to {LARGEST_FIGURE}.")
    return int(text)
