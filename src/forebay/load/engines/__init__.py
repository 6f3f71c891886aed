"""Engines: what fires shots and hears answers, in an open or a closed loop, over sockets or by a gun in Python."""
