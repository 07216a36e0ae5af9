"""The bridge: reads SmartDots beside the lane and uploads every shot, bit-exact, until the cloud has it.

The way of a shot: transport -> link codec -> pages committed to the spool -> capture sealed with its SHA-256 -> upload,
retried until the cloud acknowledged that hash.
"""

from device_bridge.errors import BridgeError, ExitCode
from device_bridge.interface import Result, SmartDot

__all__ = ["BridgeError", "ExitCode", "Result", "SmartDot"]
