"""A wheel of a clean checkout has all that pages are made of, or says what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from forebay.web import assets

ROOT = Path(__file__).parents[1]
NOT_IN_A_CHECKOUT = shutil.ignore_patterns("node_modules", "__pycache__", "*.egg-info")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "src", folder / "src", ignore=NOT_IN_A_CHECKOUT)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def built(checkout: Path, path: str, kind: str = "--wheel") -> subprocess.CompletedProcess[str]:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "build", kind, "--python", sys.executable, "--out-dir", str(checkout / "dist")]
    done = subprocess.run(command, cwd=checkout, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    if not os.environ.get("CI") and "error sending request" in done.stderr:
        pytest.skip("the package index cannot be reached")
    return done


def test_a_wheel_of_a_clean_checkout_can_make_pages(checkout: Path) -> None:
    done = built(checkout, os.environ["PATH"])
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next((checkout / "dist").glob("*.whl"))).namelist()
    package = Path(assets.__file__).parents[1]
    charts = [*assets.STATIC.iterdir(), *(assets.UPLOT / name for name in assets.VENDORED)]
    needed = [*charts, *(package / "services" / "orderstore" / "page").iterdir()]
    assert {str(Path("forebay") / path.relative_to(package)) for path in needed} <= set(names)


def test_a_source_distribution_needs_no_npm(checkout: Path, tmp_path: Path) -> None:
    done = built(checkout, os.environ["PATH"], "--sdist")
    assert done.returncode == 0, done.stderr
    with tarfile.open(next((checkout / "dist").glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    done = built(next((tmp_path / "unpacked").iterdir()), str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_a_build_without_npm_says_what_is_missing(checkout: Path, tmp_path: Path) -> None:
    done = built(checkout, str(tmp_path))
    assert done.returncode != 0
    assert "a build of forebay needs npm" in done.stdout + done.stderr
