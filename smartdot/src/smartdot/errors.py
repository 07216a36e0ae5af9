"""What can be wrong with bytes that should be in the SmartDot format."""


class FormatError(Exception):
    """The bytes do not follow FORMAT.md."""


class NotACaptureError(FormatError):
    """The bytes do not begin with a SmartDot's first page."""


class UnknownVersionError(FormatError):
    """The first page states a format version that this reader does not know.

    Attributes:
        version: The version that the first page states.
    """

    def __init__(self, version: int) -> None:
        super().__init__(f"format version {version} is not known to this reader, which reads version 1")
        self.version = version


class PageError(FormatError):
    """A page is not what belongs at its place.

    Attributes:
        problem: One of the words of FORMAT.md section 5, such as `checksum`.
    """

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem


class CaptureDamagedError(FormatError):
    """The capture has damaged pages, so it is kept but not decoded."""
