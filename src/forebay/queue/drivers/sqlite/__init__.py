"""A queue in one SQLite file: durable, without a server, for several processes at once.

    sqlite:///orders.db?topic=orders            a file beside the program
    sqlite:////var/lib/orders.db?topic=orders   an absolute path

All drivers of one process on one file share one writer thread, hence one fsync for all that waits (see
:mod:`forebay.sqlitefile`). Time is wall time, since other processes read it.

    driver.py       the driver, and how it is opened
    tables.py       where a message stands; files of an older layout
    groups.py       topics and groups, and how they come and go
    accepting.py    into all groups, as far as there is room
    leasing.py      claims, leases, endings
    lanes.py        strict order
    operating.py    dead letters returned or dropped, purging
    reading.py      what changes nothing
    rows.py         a message in a row; small words for running statements
    disk.py         the disk under the file
    reserve.py      what publishing leaves of it
    admin.py        the operator's side
    examination.py  what is set unsafely
"""

from forebay.queue.drivers.sqlite.admin import administer
from forebay.queue.drivers.sqlite.driver import FEATURES, OPTIONS, connect

__all__ = ["FEATURES", "OPTIONS", "administer", "connect"]
