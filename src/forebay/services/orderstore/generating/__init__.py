"""Believable orders: the same for the same seed, some of them broken on request, and what writes them into a queue."""
