"""``python -m forebay.lab.servers install|status``: what `make servers` calls."""

from __future__ import annotations

import sys

from forebay.errors import ForebayError
from forebay.lab.servers.install import install, status


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code: 0 done, 1 failed, 2 usage."""
    if arguments == ["install"]:
        try:
            install(lambda line: print(line, flush=True))
        except ForebayError as error:
            print(f"{error.what}\n{error.hint}", file=sys.stderr)
            return 1
        return 0
    if arguments == ["status"]:
        print("\n".join(status()))
        return 0
    print("usage: python -m forebay.lab.servers install|status", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
