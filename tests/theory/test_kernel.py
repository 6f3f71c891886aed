from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

numba = pytest.importorskip("numba")
kernel_module = pytest.importorskip("forebay.theory.simulation.compiled.kernel")


def _module(folder: Path) -> ModuleType:
    path = folder / "doubling.py"
    path.write_text("def double(x):\n    return 2 * x\n")
    spec = importlib.util.spec_from_file_location("doubling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _kept(folder: Path) -> list[Path]:
    return [*folder.rglob("*.nbc"), *folder.rglob("*.nbi")]


def test_machine_code_is_kept_beside_the_module(tmp_path: Path) -> None:
    assert kernel_module.kernel(_module(tmp_path).double)(2) == 4
    assert len(_kept(tmp_path)) == 2


def test_where_the_package_cannot_be_written_to_it_is_kept_for_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, cache = tmp_path / "package", tmp_path / "cache"
    package.mkdir()
    (package / "__pycache__").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert kernel_module.kernel(_module(package).double)(2) == 4
    assert _kept(package) == []
    assert len(_kept(cache)) == 2


CALLS = """
import first
print(first.answer(1.0))
"""
KERNEL = """
from forebay.theory.simulation.compiled.kernel import kernel
from second import add

@kernel
def answer(x):
    return add(x)
"""
PART = """
from forebay.theory.simulation.compiled.kernel import part

@part
def add(x):
    return x + {0}
"""


def test_a_kernel_is_compiled_anew_when_a_part_in_another_file_has_changed(tmp_path: Path) -> None:
    for name, text in (("calls", CALLS), ("first", KERNEL)):
        (tmp_path / f"{name}.py").write_text(text)
    told = []
    for number in (1, 5):
        (tmp_path / "second.py").write_text(PART.format(number))
        command = [sys.executable, "-B", str(tmp_path / "calls.py")]
        told.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    assert told == ["2.0", "6.0"]


@pytest.mark.parametrize("decorator", ["kernel", "inlined", "part"])
def test_where_nothing_can_be_written_it_is_compiled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decorator: str
) -> None:
    from numba.core.caching import FunctionCache

    monkeypatch.setattr(FunctionCache._impl_class, "_locator_classes", [])
    double = getattr(kernel_module, decorator)(_module(tmp_path).double)
    twice = kernel_module.kernel(double.py_func) if decorator == "kernel" else numba.njit(lambda x: double(x))
    assert twice(2) == 4
    assert _kept(tmp_path) == []


def test_what_another_process_kept_under_the_same_number_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    """Two processes that compile for different types at once may both write the file of one number."""
    double = kernel_module.kernel(_module(tmp_path).double)
    assert (double(2), double(2.5)) == (4, 5.0)
    one, other = tmp_path.rglob("*.nbc")
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)
    again = kernel_module.kernel(_module(tmp_path).double)
    assert (again(2), again(2.5), type(again(2))) == (4, 5.0, int)
