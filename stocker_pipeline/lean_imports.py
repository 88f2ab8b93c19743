"""Keep packages out of a short process that it would load and never use.

Two libraries look for another one at their first use: pyarrow imports pandas at its first array, to
recognise a Series, and Numba imports SciPy at its first kernel, to learn whether there is a BLAS.
Together that takes longer than a backtest of ten years. Belongs here: answering such a question
before it is asked, what keeps the answer true, and importing without waste. Stays out: any import
that somebody asked for.
"""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def spare_pandas_and_scipy() -> None:
    """Let pyarrow and Numba work without pandas and SciPy; for the rest of the process.

    For a process of our own that hands neither of them an object of pandas. Both packages can still
    be imported, and a kernel that needs a BLAS loads SciPy's. What somebody has already imported is
    left as it is, so call this after the strategies are loaded, which may use pandas.
    """
    if "pandas" not in sys.modules:
        import pyarrow as pa

        with _not_found("pandas"):
            # The two places that look: pyarrow's Python layer and, on its own, its C++ layer.
            pa.array((), pa.int64())
            pa.scalar(0)
    if "scipy.linalg" not in sys.modules:
        with _not_found("scipy.linalg"):
            from numba.np import arraymath
        # Asked when a kernel with an inner product is compiled, which then loads SciPy itself.
        arraymath._HAVE_BLAS = find_spec("scipy") is not None


@contextmanager
def without_collection() -> Iterator[None]:
    """Import without looking for garbage among modules that stay for good, then and later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _not_found(package: str) -> Iterator[None]:
    finder = _NotFound(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _NotFound(MetaPathFinder):
    """A package that is not installed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None
