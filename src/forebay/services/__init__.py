"""The programs shipped with forebay: ordinary applications of its public API."""

SERVICES = {"orders": "forebay.services.orders:orders"}
"""Name on the command line: the function that makes the application."""
