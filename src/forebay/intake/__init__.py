"""A request becomes a message."""
