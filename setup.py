"""What pyproject.toml cannot say: a build contains uPlot, which npm fetches as src/forebay/web/vendor pins it."""

import json
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

VENDOR = Path("src/forebay/web/vendor")


class BuildWithUPlot(build_py):
    """Fetches uPlot before the files of the package are listed."""

    def finalize_options(self) -> None:
        """Fetch it where it is missing, and go on."""
        if _version(VENDOR / "node_modules/.package-lock.json") != _version(VENDOR / "package-lock.json"):
            fetch()
        super().finalize_options()


def fetch() -> None:
    """Fetch it with npm, which proves that it is what the lock file names; or end, and say what is missing."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("a build of forebay needs npm, which comes with Node.js, to fetch uPlot")
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=VENDOR, check=True)


def _version(lock: Path) -> str | None:
    """Return the version of uPlot that a lock file names; None where there is no such file."""
    if not lock.exists():
        return None
    return json.loads(lock.read_text("utf-8"))["packages"]["node_modules/uplot"]["version"]


setup(cmdclass={"build_py": BuildWithUPlot})
