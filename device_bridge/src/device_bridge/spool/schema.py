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

# MIGRATIONS[n] are the statements that make version n + 1 of version n; version 0 is an empty file.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST_SCHEMA,)
SCHEMA_VERSION = len(MIGRATIONS)
