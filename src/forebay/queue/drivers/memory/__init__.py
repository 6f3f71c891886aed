"""A queue in this process: no server, no file, no durability; what every other driver does, at its plainest.

    memory://orders

Within one event loop, all who open the same name share one topic; it is gone when the last of them has closed it.

    driver.py   the driver, and how it is opened
    admin.py    the operator's side
    topic.py    the topics of each event loop, and their groups
    group.py    what one group still has to work off, and where each message is
    lines.py    whose turn is next
"""

from forebay.queue.drivers.memory.admin import administer
from forebay.queue.drivers.memory.driver import FEATURES, connect
from forebay.queue.options import OPTIONS

__all__ = ["FEATURES", "OPTIONS", "administer", "connect"]
