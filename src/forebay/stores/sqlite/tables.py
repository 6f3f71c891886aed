"""The tables that a file has from the beginning; windows and collections make theirs when they are asked for."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS store_version (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL);
INSERT OR IGNORE INTO store_version VALUES (1, {VERSION});
CREATE TABLE IF NOT EXISTS inbox (
    id TEXT NOT NULL, topic TEXT NOT NULL,
    value TEXT, accepted_at REAL, started_at REAL, done_at REAL, attempts INTEGER,
    PRIMARY KEY (id, topic)
);
CREATE VIEW IF NOT EXISTS result AS
    SELECT id, topic, value,
        strftime('%Y-%m-%dT%H:%M:%fZ', accepted_at, 'unixepoch') AS accepted_at,
        strftime('%Y-%m-%dT%H:%M:%fZ', started_at, 'unixepoch') AS started_at,
        strftime('%Y-%m-%dT%H:%M:%fZ', done_at, 'unixepoch') AS done_at,
        attempts
    FROM inbox WHERE value IS NOT NULL;
CREATE TABLE IF NOT EXISTS claim (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL,
    claimed_at REAL NOT NULL, reference TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS claim_age ON claim (claimed_at);
"""
