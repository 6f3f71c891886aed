"""The programs shipped with forebay: ordinary applications of its public API."""

from forebay.program import Service

SERVICES = {"orders": Service("forebay.services.orders:orders")}
"""Name on the command line: the function that makes the application."""
