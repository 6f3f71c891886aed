"""How a function is compiled: once for a machine, and kept where the next run finds it.

numba keeps machine code beside the module, or in the user's cache directory when the package cannot be written to, or
in NUMBA_CACHE_DIR. Where nothing can be written it is compiled anew in every run.

By itself numba looks at the age of a kernel's own file only, though the kernel holds the code of parts from other
files. So what is kept is stamped with all sources that it can be made of: after an upgrade nothing old is run.

It numbers what a function was compiled to for other types, and two processes that do so at once may give one number
twice: the one would find the code of the other under its own. So what is found is asked for which types it is.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

from forebay.theory import path
from forebay.theory.simulation import block

Function = TypeVar("Function", bound=Callable[..., Any])

# No kernel makes or keeps an array, so none has to count the references to its arguments: that is most of the time of
# small functions with many arrays. (numba's own option, not of its public interface.)
_NO_REFERENCES: dict[str, Any] = {"_nrt": False}
_NO_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: Function) -> Function:
    """Return the function compiled, at its first call, for the types of its arguments.

    No reordering of floating point (fastmath) and no fused multiply-add: the bits are those of the specification.
    """
    return _compiled(function, {})


def part(function: Function) -> Function:
    """Return the function compiled for kernels to call, and not for Python: that saves most of the time to compile."""
    return _compiled(function, _NO_WRAPPERS)


def inlined(function: Function) -> Function:
    """Return a part that is copied to where it is called: for what is short and passes many arrays on."""
    return _compiled(function, {"forceinline": True, **_NO_WRAPPERS})


def _compiled(function: Function, options: dict[str, Any]) -> Function:
    options = {**options, **_NO_REFERENCES}
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
        compiled._cache._cache_file._source_stamp = _sources(Path(function.__code__.co_filename).parent)
        compiled._cache.load_overload = _of_these_types(compiled._cache.load_overload)
    except (RuntimeError, AttributeError):  # numba found no place to keep it, or keeps it in another way
        compiled = numba.njit(**options)(function)
    return compiled  # type: ignore[no-any-return]


def _of_these_types(load: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return what loads code that is kept, and finds none where it is for arguments of other types."""

    def load_overload(types: Any, context: Any) -> Any:
        found = load(types, context)
        return found if found is None or found.signature.args == tuple(types) else None

    return load_overload


@functools.cache
def _sources(folder: Path) -> str:
    """Return a digest of the modules of a folder, and of those from which kernels have their constants."""
    digest = hashlib.sha256()
    for file in [*sorted(folder.glob("*.py")), *(Path(str(module.__file__)) for module in (path, block))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
