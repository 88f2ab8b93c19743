"""What a command that should answer at once does not load. Stays out: how (``lean_imports``)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spared_imports() -> Iterator[None]:
    """Import within it what the command needs; pandas and SciPy are not loaded along with that.

    Only in a process that is this command's: another's may hand us an object of pandas.
    """
    main = getattr(sys.modules["__main__"], "main", None)
    if getattr(main, "__module__", None) != "stocker_pipeline.cli":
        yield
        return
    from stocker_pipeline.lean_imports import spare_pandas_and_scipy, without_collection

    with without_collection():
        yield
        from stocker_pipeline.strategies.registry import strategies

        strategies()  # those of other packages, which may use pandas
        spare_pandas_and_scipy()
