"""The order store: orders from a consumer group, kept in memory and in a store, told over HTTP."""

from __future__ import annotations

from forebay import App
from forebay.services.orderstore.options import options
from forebay.services.orderstore.pages import mount_page
from forebay.services.orderstore.reading import reader
from forebay.services.orderstore.service import TOPIC, Service

LARGEST_BATCH = 500


def orderstore(
    by: str = "number",
    orders_limit: str = "100000",
    bytes_limit: str = "2GiB",
    cleanup: str = "10m",
    outdated: str = "none",
    restore: str = "yes",
    largest: str = "20KB",
    examples: str = "no",
    writers: str = "1",
) -> App:
    """Return the order store.

    Arguments:
        by: what `GET /orders?id=` means: `number`, in the order of keeping, or `uid`, the order_uid.
        orders_limit: orders in memory, at most; those with the lowest numbers go first.
        bytes_limit: what the orders in memory take together, at most.
        cleanup: how often memory is cleaned of what is outdated.
        outdated: age by its date_created at which an order leaves memory, as in 30d; none: it stays.
        restore: yes or no: whether memory is filled from the store at the start.
        largest: the largest order; a larger one becomes a dead letter.
        examples: yes or no: whether it writes made-up orders into its own queue while it serves.
        writers: how many write made-up orders, each 100 a second.
    """
    wanted = options(
        by=by,
        orders_limit=orders_limit,
        bytes_limit=bytes_limit,
        cleanup=cleanup,
        outdated=outdated,
        restore=restore,
        largest=largest,
        examples=examples,
        writers=writers,
    )
    service = Service(wanted)
    app = App("orderstore", lifespan=service.run)
    app.handler(TOPIC, batch=LARGEST_BATCH, results=False, decode=reader(wanted.largest))(service.keep)
    app.get("/orders")(service.by_parameter)
    app.get("/orders/{uid}")(service.by_path)
    app.get("/orders/newest")(service.newest)
    app.get("/stats")(service.stats)
    mount_page(app)
    return app
