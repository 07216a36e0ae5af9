-- Version 2, from version 1. After it: PRAGMA user_version = 2;

-- The server's time minus this phone's, in seconds, at the last exchange; 0 where the two agree within 5 s.
ALTER TABLE sync_state ADD COLUMN clock_behind_s REAL NOT NULL DEFAULT 0;
