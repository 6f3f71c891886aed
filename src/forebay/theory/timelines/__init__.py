"""Exact timelines: what happens to each request, in fractions of a second that stay fractions."""
