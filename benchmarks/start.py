"""How long ``forebay --help`` takes, beside a bare Python: whole processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.alternation import alternate


def main(rounds: int, seconds: float) -> None:
    forebay = str(Path(sys.executable).with_name("forebay"))
    contenders = {"forebay --help": [forebay, "--help"], "python -c ''": [sys.executable, "-c", ""]}
    alternate({name: _measure(command) for name, command in contenders.items()}, max(rounds, 5), "milliseconds")


def _measure(command: list[str]) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return {"milliseconds": (time.perf_counter() - began) * 1000}

    return measure
