"""Promises, and the fewest workers and places that keep them."""
