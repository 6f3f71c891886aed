"""One SQLite file, written by one thread of each process: who waits shares one transaction and one fsync.

    write() ─┐                 ┌ BEGIN IMMEDIATE ┐
    write() ─┼─> writer thread ┤  all operations  ├─> one call into the event loop resolves all futures
    write() ─┘                 └ COMMIT (fsync)  ┘

While one group commits, the next one gathers; so the group grows with the load by itself.

    file.py         the file as its users see it: open, write, read, watch, close
    threads.py      operations that wait, in groups; the writer's and the reader's part
    checkpoints.py  the log goes back into the file beside the writer
    watch.py        the commits of other processes are noticed
    connections.py  how connections are made, and what the errors of SQLite mean
"""

from forebay.sqlitefile.connections import check_version
from forebay.sqlitefile.file import SQLiteFile, look
from forebay.sqlitefile.threads import Operation

__all__ = ["Operation", "SQLiteFile", "check_version", "look"]
