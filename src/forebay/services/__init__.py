"""The programs shipped with forebay: ordinary applications of its public API."""

from forebay.program import Service

SERVICES = {
    "orders": Service("forebay.services.orders:orders"),
    "ratings": Service("forebay.services.ratings.app:ratings"),
    "orderstore": Service(
        "forebay.services.orderstore.app:orderstore", "forebay.services.orderstore.variables:settings_of"
    ),
    "messagelog": Service("forebay.services.messagelog.app:messagelog"),
}
"""Name on the command line: the function that makes the application."""
