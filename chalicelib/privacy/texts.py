"""What stands in an export for whoever opens it."""

README = """Everything that RevMetrix holds about you
=========================================

Asked for at {requested_at}.

profile.json             your account
logins.json              the clients that were signed in
bridges.json             your bridges, each with what it said last about itself
devices.json             the devices that you claimed, and when
codes.json               one-time codes that were sent to you and are not used yet
export.json              this export
audit.json               what admins did to your account, and what was denied to you; you stand there by your pseudonym
captures/captures.json   your captures, one row each
captures/tickets.json    leave that was given to upload captures
captures/metrics.json    what was computed from your captures
captures/brought.json    captures that your bridges brought, for whomever
scorebook/entries.json   your balls, centres, events, sessions, games, frames and shots, and what you deleted of them
scorebook/head.json      how many there are, and when you changed them last
scorebook/pushes.json    what became of what your phones sent in the last 30 days
scorebook/deletions.json deletions that are still under way
raw/<sha256>.smartdot    the captures, byte for byte as they came; the name is the SHA-256 of the bytes
removed/...              bytes that were refused or removed, as far as they are still kept
inbox/...                the rows of captures that your bridges brought and that are nobody's yet; their bytes are for
                         whoever had the device
manifest.json            every other file of this archive with its size and SHA-256

A file that there is nothing for is left out. A long one goes on in captures-2.json, captures-3.json and so on.
"key" is where a row stands in the database. Times are in UTC;
expires_at and open_until are in seconds since 1970; at, created, updated and field_times in microseconds.

Left out are only your password's hash, the hashes of tokens, codes and credentials, and marks by which the system tells
one of its own writes from another. What was added while the archive was made may or may not be in it.
"""
