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
        wanted = json.loads((VENDOR / "package-lock.json").read_text("utf-8"))["packages"]["node_modules/uplot"][
            "version"
        ]
        here = VENDOR / "node_modules/uplot/package.json"  # in a source distribution as well, which needs no npm
        if not here.exists() or json.loads(here.read_text("utf-8"))["version"] != wanted:
            fetch()
        super().finalize_options()


def fetch() -> None:
    """Fetch it with npm, which proves that it is what the lock file names; or end, and say what is missing."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("a build of forebay needs npm, which comes with Node.js, to fetch uPlot")
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=VENDOR, check=True)


setup(cmdclass={"build_py": BuildWithUPlot})
