"""Asking for memory ahead of its use."""

import numpy as np
import pytest
from numba import njit

from stocker_pipeline.engine.fetching import fetch, fetch_one, fetch_some

ROW = np.arange(1000.0)


def requests_of(kernel, *arguments) -> int:
    """How many times the code of a kernel compiled anew asks."""
    compiled = njit(kernel.py_func)
    compiled(*arguments)
    (code,) = compiled.inspect_llvm().values()
    return code.count("call void @llvm.prefetch")


@pytest.mark.parametrize(
    ("kernel", "arguments"),
    [(fetch, (ROW, 0, 1000)), (fetch_one, (ROW, 0)), (fetch_some, (ROW, np.arange(3), 3))],
)
def test_the_processor_is_asked(kernel, arguments):
    assert requests_of(kernel, *arguments) > 0
