"""The random part of a wait, which keeps apart those who collided once."""

import random

JITTER = random.SystemRandom()
"""Draws from the operating system: processes that began as copies of one would otherwise draw the same waits."""
