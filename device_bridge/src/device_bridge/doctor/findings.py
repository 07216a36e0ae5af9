"""What a check found."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from device_bridge.errors import BridgeError, ExitCode


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    SKIPPED = "skipped"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result.

    Attributes:
        check: What was looked at: `port`, `link`, `spool` ...
        level: How it is.
        text: What was found, in a line.
        advice: What to do, empty when nothing.
        exit_code: What a failure makes of the exit code.
    """

    check: str
    level: Level
    text: str
    advice: str = ""
    exit_code: ExitCode = ExitCode.FAILED


def failed(check: str, error: BridgeError) -> Finding:
    """Return the finding that an error is; its message says what to do."""
    return Finding(check, Level.FAIL, str(error), exit_code=error.exit_code)


def worst_exit_code(findings: Sequence[Finding]) -> ExitCode:
    """Return the exit code of the first failure, `LOOK_AT_IT` for warnings only, `FINE` when all is well."""
    for finding in findings:
        if finding.level is Level.FAIL:
            return finding.exit_code
    warns = any(finding.level is Level.WARN for finding in findings)
    return ExitCode.LOOK_AT_IT if warns else ExitCode.FINE
