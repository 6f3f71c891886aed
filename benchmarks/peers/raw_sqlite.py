"""The bare minimum on SQLite: claim a hundred rows, delete them, each in a transaction with fsync."""

from __future__ import annotations

import sys
import time

import apsw

from benchmarks.programs import BODY


def main(path: str, count: int) -> None:
    connection = apsw.Connection(path)
    connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE message (seq INTEGER PRIMARY KEY, body BLOB, due REAL DEFAULT 0)")
    connection.execute("CREATE INDEX ready ON message (seq) WHERE due = 0")
    with connection:
        connection.executemany("INSERT INTO message (body) VALUES (?)", ((BODY.encode(),) for _ in range(count)))
    began, left = time.perf_counter(), count
    while left:
        with connection:
            claim = (
                "UPDATE message SET due = 1 WHERE seq IN (SELECT seq FROM message WHERE due = 0 ORDER BY seq LIMIT 100)"
            )
            rows = connection.execute(f"{claim} RETURNING seq, body").fetchall()
        for _ in rows:
            pass
        with connection:
            connection.executemany("DELETE FROM message WHERE seq = ?", [(seq,) for seq, _ in rows])
        left -= len(rows)
    print(count / (time.perf_counter() - began))


main(sys.argv[1], int(sys.argv[2]))
