"""How a function is compiled: once for a machine, and kept where the next run finds it.

numba keeps machine code beside the module, or in the user's cache directory when the package cannot be written to, or
in NUMBA_CACHE_DIR. Where nothing can be written it is compiled anew in every run. It looks at the age of a kernel's own
file only: who changes a function that a kernel of another file calls must delete ``__pycache__/*.nb?``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

# No kernel makes or keeps an array, so none has to count the references to its arguments: that is most of the time of
# small functions with many arrays. (numba's own option, not of its public interface.)
_NO_REFERENCES: dict[str, Any] = {"_nrt": False}


def kernel(function: Function) -> Function:
    """Return the function compiled, at its first call, for the types of its arguments.

    No reordering of floating point (fastmath) and no fused multiply-add: the bits are those of the specification.
    """
    options: dict[str, Any] = {"cache": True, **_NO_REFERENCES}
    try:
        compiled: Function = numba.njit(**options)(function)
    except RuntimeError:  # numba found no place to keep it
        compiled = numba.njit(**_NO_REFERENCES)(function)
    return compiled
