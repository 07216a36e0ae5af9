"""The spool's tables, and how an older file becomes a newer one."""

APPLICATION_ID = 0x534D4454  # "SMDT": SQLite's own mark of whose file this is.

_FIRST_SCHEMA = (
    """
CREATE TABLE captures (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    record INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reading', 'sealed', 'delivered', 'quarantined')),
    first_bytes BLOB NOT NULL,
    page_count INTEGER NOT NULL,
    sha256 TEXT,
    size_bytes INTEGER,
    provenance TEXT,
    cloud_state TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_problem TEXT,
    UNIQUE (device, record),
    CHECK (state = 'reading' OR sha256 IS NOT NULL)
) STRICT
""",
    """
CREATE TABLE pages (
    capture INTEGER NOT NULL REFERENCES captures (id),
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    problem TEXT,
    PRIMARY KEY (capture, number)
) STRICT, WITHOUT ROWID
""",
)

# Times are UTC in RFC 3339. A u64 does not fit SQLite's integers: ticks are decimal text.
_SECOND_SCHEMA = (
    """
CREATE TABLE captures_2 (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    record INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reading', 'sealed', 'sent', 'delivered', 'quarantined')),
    page_count INTEGER NOT NULL,
    pages_read INTEGER NOT NULL DEFAULT 0,
    first_bytes BLOB NOT NULL,
    sha256 TEXT,
    size_bytes INTEGER,
    provenance TEXT,
    cloud_state TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_problem TEXT,
    is_rotten INTEGER NOT NULL DEFAULT 0 CHECK (is_rotten IN (0, 1)),
    began_at TEXT,
    last_read_at TEXT,
    sealed_at TEXT,
    sent_at TEXT,
    delivered_at TEXT,
    erased_at TEXT,
    UNIQUE (device, record, generation),
    CHECK (state = 'reading' OR sha256 IS NOT NULL)
) STRICT
""",
    """
INSERT INTO captures_2 (id, device, record, generation, state, page_count, pages_read, first_bytes, sha256, size_bytes,
    provenance, cloud_state, attempts, last_problem)
SELECT id, device, record, 1, state, page_count, (SELECT count(*) FROM pages WHERE capture = captures.id), first_bytes,
    sha256, size_bytes, provenance, cloud_state, attempts, last_problem
FROM captures
""",
    "DROP TABLE captures",
    "ALTER TABLE captures_2 RENAME TO captures",
    "CREATE INDEX captures_by_state ON captures (state, device, record, generation)",
    # Few pages are damaged: found without walking through the bytes of those that are not.
    "CREATE INDEX damaged_pages ON pages (capture, number) WHERE problem IS NOT NULL",
    """
CREATE TABLE devices (
    serial TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    battery_percent INTEGER,
    link_errors INTEGER NOT NULL
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE clock_notes (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    power_up INTEGER NOT NULL,
    host_boot TEXT NOT NULL,
    device_ticks TEXT NOT NULL,
    tick_hz INTEGER NOT NULL,
    host_monotonic_s REAL NOT NULL,
    host_utc TEXT NOT NULL,
    round_trip_s REAL NOT NULL
) STRICT
""",
    "CREATE INDEX clock_notes_by_device ON clock_notes (device, power_up, host_boot)",
)

# MIGRATIONS[n] are the statements that make version n + 1 of version n; version 0 is an empty file. They run in one
# transaction, with foreign keys off: a table that others refer to is replaced by its successor of the same name.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST_SCHEMA, _SECOND_SCHEMA)
SCHEMA_VERSION = len(MIGRATIONS)
