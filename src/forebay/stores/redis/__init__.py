"""The store in Redis or Valkey: ``redis://localhost:6379/0?prefix=forebay:store``

    rediss://user:password@host/2?keep=720h    encrypted; results and inbox rows go after thirty days

Every effect is one Lua script together with its inbox row (the folder ``lua``), hence one step for the server. The keys
can be read with redis-cli; their names are listed in :mod:`forebay.stores.redis.server`.
"""

from forebay.stores.redis.place import OPTIONS
from forebay.stores.redis.store import RedisStore, connect

__all__ = ["OPTIONS", "RedisStore", "connect"]
