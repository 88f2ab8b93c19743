"""Keep packages, and memory that is free, out of a process that would hold and never use them.

Four libraries load another one that may never be needed: pyarrow imports pandas at its first array,
to recognise a Series; Numba imports SciPy at its first kernel, to learn whether there is a BLAS;
dagster-dbt imports dbt, which it starts as a command, and sqlglot, for a lineage nobody asks for.
Together that takes longer than a backtest of ten years, and more memory. Belongs here: answering
such a question before it is asked, what keeps the answer true, and importing and allocating without
waste. Stays out: any import that somebody asked for.
"""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_ALLOCATORS = {
    # The C library's in place of mimalloc, which holds what a table left behind.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # The jemalloc within deltalake: one arena for all threads, and free pages go back at once.
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1",
}


def give_freed_memory_back() -> None:
    """Have pyarrow and deltalake return memory to the system as soon as it is free.

    A run worker reads a table, lets it go and reads the next one, a few megabytes each; what the
    allocators kept of that was more than all tables together. Each library reads its variable when
    it is loaded, so this comes before. What the environment says already is respected.
    """
    for name, value in _ALLOCATORS.items():
        os.environ.setdefault(name, value)


def spare_pandas_and_scipy() -> None:
    """Let pyarrow and Numba work without pandas and SciPy; for the rest of the process.

    For a process of our own that hands neither of them an object of pandas. Both packages can still
    be imported, and a kernel that needs a BLAS loads SciPy's. What somebody has already imported is
    left as it is, so call this after the strategies are loaded, which may use pandas.
    """
    if "pandas" not in sys.modules:
        import pyarrow as pa

        with not_found("pandas"):
            # The two places that look: pyarrow's Python layer and, on its own, its C++ layer.
            pa.array((), pa.int64())
            pa.scalar(0)
    if "scipy.linalg" not in sys.modules:
        with not_found("scipy.linalg"):
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
def not_found(package: str) -> Iterator[None]:
    """Let imports say that a package is not installed; one that is loaded already stays so."""
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


@contextmanager
def imported_when_used(package: str) -> Iterator[None]:
    """Let ``from package import name`` bind a stand-in that loads the package when it is used.

    For what a module imports at its top and uses in one function. A stand-in can be called and
    asked for attributes; it is no class to inherit from. A package that is loaded stays so.
    """
    if package in sys.modules:
        yield
        return
    finder = _StandInFinder(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, found in sys.modules.items() if isinstance(found, _Hollow)]:
            del sys.modules[name]


class _StandInFinder(MetaPathFinder, Loader):
    """Finds a package, and every module in it, hollow."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] != self._package:
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Hollow(ModuleType):
    """A module in which every public name is a stand-in."""

    def __getattr__(self, name: str) -> "_StandIn":
        if name.startswith("_"):
            raise AttributeError(name)
        return _StandIn(self.__name__, name)


class _StandIn:
    """A name of a module that is not loaded yet."""

    def __init__(self, module: str, name: str) -> None:
        self._at = (module, name)

    def _real(self) -> Any:
        module, name = self._at
        found = import_module(module)
        # As ``from module import name`` does, which also finds modules in a package.
        return getattr(found, name) if hasattr(found, name) else import_module(f"{module}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)
