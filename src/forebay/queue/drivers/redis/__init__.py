"""Redis and Valkey: every group of a topic has sorted sets of its own, and Lua scripts move messages between them.

    redis://localhost:6379/orders?group=workers
    rediss://user:password@host/0?topic=orders       encrypted; the path is the number of the database

All four disciplines, order, delays, places and dead letters are one engine (the folder ``lua``): each call of the
driver is one script, hence one step for the server. Time is that of the server. A publish whose answer was lost is
`Unknown`, and may be said again: a message that is there is not taken twice.
"""

from forebay.queue.drivers.redis.address import OPTIONS
from forebay.queue.drivers.redis.admin import administer
from forebay.queue.drivers.redis.driver import FEATURES, connect

__all__ = ["FEATURES", "OPTIONS", "administer", "connect"]
