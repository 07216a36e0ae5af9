"""The SmartDot recording format: pages, records, captures (FORMAT.md). Bytes in, values out, no I/O."""

from smartdot.capture import Capture, CaptureState, Inspection, PageProblem
from smartdot.clocks import ClockFit, ClockNote, fit_clocks, split_notes
from smartdot.errors import (
    CaptureDamagedError,
    FormatError,
    NotACaptureError,
    PageError,
    UnknownVersionError,
)
from smartdot.inspection import CaptureInspector, decode_capture, inspect_capture
from smartdot.memory import MemoryFullError, MemoryImage, RecordNumbersUsedUpError
from smartdot.model import (
    Block,
    DirectorySlot,
    EndReason,
    FirstPage,
    RecordEnd,
    RecordHeader,
    SampleType,
    Sensor,
    SensorKind,
    Total,
    Version,
)
from smartdot.page import ERASED_PAGE, PAGE_SIZE_BYTES, Page, PageKind, build_page, expect_page, read_page
from smartdot.recording import RecordWriter

__all__ = [
    "ERASED_PAGE",
    "PAGE_SIZE_BYTES",
    "Block",
    "Capture",
    "CaptureDamagedError",
    "CaptureInspector",
    "CaptureState",
    "ClockFit",
    "ClockNote",
    "DirectorySlot",
    "EndReason",
    "FirstPage",
    "FormatError",
    "Inspection",
    "MemoryFullError",
    "MemoryImage",
    "NotACaptureError",
    "Page",
    "PageError",
    "PageKind",
    "PageProblem",
    "RecordEnd",
    "RecordHeader",
    "RecordNumbersUsedUpError",
    "RecordWriter",
    "SampleType",
    "Sensor",
    "SensorKind",
    "Total",
    "UnknownVersionError",
    "Version",
    "build_page",
    "decode_capture",
    "expect_page",
    "fit_clocks",
    "inspect_capture",
    "read_page",
    "split_notes",
]
