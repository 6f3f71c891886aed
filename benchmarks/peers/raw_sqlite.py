"""The bare minimum on SQLite, each step a transaction with fsync: ``publish|consume FILE COUNT IN-FLIGHT``.

Publishing: rows inserted as many at once as may be in flight. Consuming: claim so many rows, delete them.
Prints messages a second.
"""

from __future__ import annotations

import sys
import time

import apsw

from benchmarks.peers.measuring import BODY

CLAIM = "UPDATE message SET due = 1 WHERE seq IN (SELECT seq FROM message WHERE due = 0 ORDER BY seq LIMIT ?)"


def publish(connection: apsw.Connection, count: int, in_flight: int) -> float:
    began = time.perf_counter()
    for _ in range(0, count, in_flight):
        with connection:
            connection.executemany("INSERT INTO message (body) VALUES (?)", [(BODY,)] * in_flight)
    return count / (time.perf_counter() - began)


def consume(connection: apsw.Connection, count: int, in_flight: int) -> float:
    began, left = time.perf_counter(), count
    while left > 0:
        with connection:
            rows = connection.execute(f"{CLAIM} RETURNING seq, body", (in_flight,)).fetchall()
        with connection:
            connection.executemany("DELETE FROM message WHERE seq = ?", [(seq,) for seq, _ in rows])
        left -= len(rows)
    return count / (time.perf_counter() - began)


def main(what: str, path: str, count: int, in_flight: int) -> None:
    connection = apsw.Connection(path)
    connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE message (seq INTEGER PRIMARY KEY, body BLOB, due REAL DEFAULT 0)")
    connection.execute("CREATE INDEX ready ON message (seq) WHERE due = 0")
    count -= count % in_flight
    rate = publish(connection, count, in_flight)
    print(consume(connection, count, in_flight) if what == "consume" else rate)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
