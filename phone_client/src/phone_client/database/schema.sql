-- The phone's local database, version 1. Whoever ports the client takes this file as it is, and the later versions after it.
-- Before it: PRAGMA journal_mode = WAL; and on every connection: PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
-- After it: PRAGMA user_version = 1; then schema_2.sql.
-- JSON texts are objects without nulls. Times are RFC 3339, kept as they came.

-- One row for each entry that this phone knows of. What the user sees of it is in the table of its type.
CREATE TABLE entry (
    entry INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    -- The server's version as last seen; 0 while the server has none.
    ver INTEGER NOT NULL DEFAULT 0 CHECK (ver >= 0),
    -- The server has deleted it, and a change of it is still unsent.
    is_deleted_there INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted_there IN (0, 1)),
    -- Deleted here: `type/id` of the entry that the user deleted, this one or one above it. Null: the user sees it.
    hidden_by TEXT,
    -- The server's fields as last seen, JSON, while changes of it are unsent. Null: the row of the type is the server's.
    base TEXT,
    -- Fields of a newer server that the type's table has no column for, JSON.
    extra TEXT,
    -- The last pull of everything that brought it.
    run INTEGER NOT NULL DEFAULT 0,
    -- Ids first: the checksum goes through them in this order.
    UNIQUE (id, type)
) STRICT;
CREATE INDEX entry_hidden ON entry (hidden_by) WHERE hidden_by IS NOT NULL;

-- Parents may arrive after their children, so links between entries are no foreign keys.
-- A number that may be whole or not is ANY: REAL would make 15.0 of a 15.
CREATE TABLE ball (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    name TEXT,
    weight_lb ANY CHECK (typeof(weight_lb) IN ('integer', 'real', 'null')),
    core_type TEXT,
    colour TEXT,
    serial TEXT,
    rg_in ANY CHECK (typeof(rg_in) IN ('integer', 'real', 'null')),
    differential_in ANY CHECK (typeof(differential_in) IN ('integer', 'real', 'null')),
    diameter_in ANY CHECK (typeof(diameter_in) IN ('integer', 'real', 'null')),
    comment TEXT
) STRICT;

CREATE TABLE establishment (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    name TEXT,
    lanes INTEGER,
    kind TEXT,
    location TEXT,
    comment TEXT
) STRICT;

CREATE TABLE event (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    name TEXT,
    kind TEXT,
    location TEXT,
    standings TEXT,
    average ANY CHECK (typeof(average) IN ('integer', 'real', 'null')),
    comment TEXT
) STRICT;

CREATE TABLE session (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    started_at TEXT,
    event_id TEXT,
    establishment_id TEXT,
    session_number INTEGER,
    team_opponent TEXT,
    individual_opponent TEXT,
    score INTEGER,
    team_record TEXT,
    individual_record TEXT,
    comment TEXT
) STRICT;
CREATE INDEX session_event ON session (event_id) WHERE event_id IS NOT NULL;

CREATE TABLE game (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    session_id TEXT,
    game_number INTEGER,
    lanes TEXT,
    starting_lane INTEGER,
    entered_score INTEGER,
    won INTEGER CHECK (won IN (0, 1)),
    team_result TEXT,
    individual_result TEXT,
    comment TEXT
) STRICT;
CREATE INDEX game_session ON game (session_id);

CREATE TABLE frame (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    game_id TEXT,
    frame_number INTEGER,
    lane INTEGER,
    comment TEXT
) STRICT;
CREATE INDEX frame_game ON frame (game_id);

CREATE TABLE shot (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    session_id TEXT,
    game_id TEXT,
    frame_number INTEGER,
    shot_number INTEGER,
    pins_standing INTEGER,
    count INTEGER,
    foul INTEGER CHECK (foul IN (0, 1)),
    ball_id TEXT,
    lane INTEGER,
    side TEXT,
    position TEXT,
    board ANY CHECK (typeof(board) IN ('integer', 'real', 'null')),
    stance ANY CHECK (typeof(stance) IN ('integer', 'real', 'null')),
    target ANY CHECK (typeof(target) IN ('integer', 'real', 'null')),
    breakpoint ANY CHECK (typeof(breakpoint) IN ('integer', 'real', 'null')),
    impact_board ANY CHECK (typeof(impact_board) IN ('integer', 'real', 'null')),
    speed_mph ANY CHECK (typeof(speed_mph) IN ('integer', 'real', 'null')),
    thrown_at TEXT,
    comment TEXT,
    capture_id TEXT
) STRICT;
CREATE INDEX shot_session ON shot (session_id);
CREATE INDEX shot_game ON shot (game_id) WHERE game_id IS NOT NULL;

-- Read only: what the algorithm unit made of a throw. `metrics` is JSON.
CREATE TABLE capture (
    entry INTEGER PRIMARY KEY REFERENCES entry (entry) ON DELETE CASCADE,
    serial TEXT,
    start_at TEXT,
    received_at TEXT,
    state TEXT,
    metrics TEXT
) STRICT;

-- A batch is written here before it is sent, and stays until its reply was taken in: sent again, it is the same.
CREATE TABLE batch (
    batch_id TEXT PRIMARY KEY,
    made_at TEXT NOT NULL
) STRICT;

-- Changes that the server has not acknowledged. An entry has at most one that waits, which further edits go into, and
-- one that was sent, which nothing touches any more.
CREATE TABLE outbox (
    change INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entry (entry) ON DELETE CASCADE,
    op TEXT NOT NULL CHECK (op IN ('put', 'patch', 'delete')),
    -- What the user wrote, JSON; here alone a null stands, and takes a field away.
    fields TEXT NOT NULL,
    -- What the user saw in these fields before, JSON with nulls; of a deletion, in all fields.
    seen TEXT NOT NULL,
    -- The version that the change was made to, also while another change is on its way; an earlier client wrote null then.
    base_ver INTEGER,
    edited_at TEXT NOT NULL,
    batch_id TEXT REFERENCES batch (batch_id)
) STRICT;
CREATE UNIQUE INDEX outbox_waiting ON outbox (entry) WHERE batch_id IS NULL;
CREATE UNIQUE INDEX outbox_sent ON outbox (entry) WHERE batch_id IS NOT NULL;

-- Changes that the server did not take, until the user decides. They name their entry by itself: it may be gone.
CREATE TABLE held_change (
    held INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('conflict', 'rejected', 'deleted')),
    op TEXT NOT NULL CHECK (op IN ('put', 'patch', 'delete')),
    fields TEXT NOT NULL,
    edited_at TEXT NOT NULL,
    -- Why it was rejected, as a problem document.
    problem TEXT,
    held_at TEXT NOT NULL
) STRICT;

CREATE TABLE sync_state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    -- Whose data this is: the user's id and the API's address, from the first sync on.
    account TEXT,
    -- Where the next pull begins; opaque. Null: at the beginning.
    cursor TEXT,
    -- The number of the last pull of everything, and whether it is still going on.
    run INTEGER NOT NULL DEFAULT 1,
    is_full_pull INTEGER NOT NULL DEFAULT 1 CHECK (is_full_pull IN (0, 1)),
    -- How many batches were acknowledged: a count taken before one says nothing about what is here after it.
    batches_acknowledged INTEGER NOT NULL DEFAULT 0,
    -- At most so many changes go into a batch; halved when the server finds one too large.
    largest_batch INTEGER NOT NULL DEFAULT 200 CHECK (largest_batch >= 1),
    -- Count and checksum that even a pull of everything did not bring about: no reason for another one.
    unexplained TEXT,
    synced_at TEXT
) STRICT;
INSERT INTO sync_state (only_row) VALUES (1);

-- What the user sees.
CREATE VIEW balls AS SELECT e.id, e.ver, t.* FROM ball AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
CREATE VIEW establishments AS
    SELECT e.id, e.ver, t.* FROM establishment AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
CREATE VIEW events AS SELECT e.id, e.ver, t.* FROM event AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
CREATE VIEW sessions AS
    SELECT e.id, e.ver, t.* FROM session AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
CREATE VIEW games AS SELECT e.id, e.ver, t.* FROM game AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
CREATE VIEW frames AS SELECT e.id, e.ver, t.* FROM frame AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
CREATE VIEW shots AS SELECT e.id, e.ver, t.* FROM shot AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
CREATE VIEW captures AS
    SELECT e.id, e.ver, t.* FROM capture AS t JOIN entry AS e USING (entry) WHERE e.hidden_by IS NULL;
