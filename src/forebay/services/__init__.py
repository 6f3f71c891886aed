"""The programs shipped with forebay: ordinary applications of its public API."""

from forebay.program import Service

SERVICES = {
    "messagelog": Service("forebay.services.messagelog.app:messagelog"),
    "orders": Service("forebay.services.orders:orders"),
    "orderstore": Service(
        "forebay.services.orderstore.app:orderstore", "forebay.services.orderstore.variables:settings_of"
    ),
    "ratings": Service("forebay.services.ratings.app:ratings"),
}
"""Name on the command line: the function that makes the application."""
