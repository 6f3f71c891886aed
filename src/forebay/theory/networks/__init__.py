"""More than one station: open and closed networks, and replicas of one service."""
