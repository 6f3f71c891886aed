"""``python -m benchmarks [accept|brokers|cannon|start|theory ...] [--rounds 5] [--only redis]."""

from __future__ import annotations

import argparse
import importlib

BENCHMARKS = {
    "accept": "POST /orders, validated and durable, against FastAPI with the same storage",
    "brokers": "publishing and working off messages of 1 KB, against the bare client and FastStream",
    "cannon": "shots a second of the load generator, against wrk and Locust",
    "orderstore": "orders from Kafka into PostgreSQL, one of them over HTTP, all of them restored",
    "ratings": "POST /rate on Kafka, NATS and Redis, against FastAPI and Starlette with the broker's client",
    "start": "forebay --help, against a bare Python",
    "precision": "M/M/1 at 90 % to within 1 %, the user's whole call, against SimPy and Ciw",
    "theory": "customers simulated a second, against SimPy and Ciw",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", default=list(BENCHMARKS), metavar="NAME", help=f"of {', '.join(BENCHMARKS)}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="alternations")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement")
    parser.add_argument(
        "--only", action="append", default=[], metavar="BROKER", help="of brokers and ratings: this one only"
    )
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
        print(f"\n## {name}: {BENCHMARKS[name]}\n")
        only = {"only": arguments.only} if name in {"brokers", "ratings"} else {}
        importlib.import_module(f"benchmarks.{name}").main(arguments.rounds, arguments.seconds, **only)


main()
