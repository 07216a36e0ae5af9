"""Checks that say what is wrong and what to do. They change nothing on a device and leave nothing in the account."""
