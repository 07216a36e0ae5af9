"""An emulated SmartDot: memory filled from a recording or a simulated shot, spoken to over a pty like a real one.

It shares the memory's format (`smartdot`) with the bridge, but not the link: `wire.py` is written again in plain Python
from docs/protocol.md, so that a mistake in one end cannot hide in the other.
"""
