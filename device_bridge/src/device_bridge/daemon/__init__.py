"""`run` as a daemon: several devices at once, uploads and heartbeats, joined by the spool alone."""
