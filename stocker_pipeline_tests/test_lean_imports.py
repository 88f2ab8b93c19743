"""Sparing a process pandas and SciPy; each case in a process of its own, where it lasts."""

import subprocess
import sys

import pytest

SPARED = """
import sys
import numba
import numpy as np
import pyarrow as pa
from stocker_pipeline.lean_imports import spare_pandas_and_scipy
spare_pandas_and_scipy()
"""


def printed(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_neither_is_loaded_by_what_pyarrow_and_numba_are_used_for():
    assert printed(
        SPARED
        + """
floats = pa.array(np.array([1.0, np.nan]))
floats.to_numpy(); pa.scalar("a"); pa.array(["a", None]).to_pylist()
total = numba.njit(lambda values: values.sum())(np.ones(3))
print(total, floats.null_count, "pandas" in sys.modules, "scipy.linalg" in sys.modules)
"""
    ) == ["3.0", "0", "False", "False"]


def test_both_can_still_be_imported_and_used():
    assert printed(
        SPARED
        + """
import pandas as pd
frame = pd.DataFrame({"price": [1.0, None], "symbol": ["AAA", None]})
table = pa.Table.from_pandas(frame)
print(table["price"].null_count, table["symbol"].null_count, len(table.to_pandas()))
"""
    ) == ["1", "1", "2"]


def test_a_kernel_that_needs_a_blas_finds_it():
    pytest.importorskip("scipy")
    assert printed(
        SPARED
        + """
kernel = numba.njit(lambda one, other: np.convolve(one, other)[1])
print(kernel(np.ones(3), np.ones(3)), "scipy.linalg" in sys.modules)
"""
    ) == ["2.0", "True"]


def test_a_pandas_that_somebody_imported_before_stays_known():
    assert printed(
        "import pandas as pd"
        + SPARED
        + """
one, other = pa.array(pd.Series([1.0, None])), pa.array([pd.NA, 1], from_pandas=True)
print(one.null_count, other.null_count)
"""
    ) == ["1", "1"]


def test_imports_without_collection_leave_it_on():
    assert printed(
        """
import gc
from stocker_pipeline.lean_imports import without_collection
with without_collection():
    print(gc.isenabled())
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""
    ) == ["False", "True", "True"]
