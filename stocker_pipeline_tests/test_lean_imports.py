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


def test_a_stand_in_loads_its_package_when_it_is_called_or_asked_for_an_attribute():
    assert printed(
        """
import sys
from stocker_pipeline.lean_imports import imported_when_used
with imported_when_used("xml"):
    from xml import dom
    from xml.etree.ElementTree import fromstring
print("xml" in sys.modules, "xml.etree.ElementTree" in sys.modules)
print(fromstring("<a/>").tag, dom.Node.TEXT_NODE, "xml.etree.ElementTree" in sys.modules)
"""
    ) == ["False", "False", "a", "3", "True"]


def test_a_package_that_is_loaded_needs_no_stand_in():
    assert printed(
        """
import json
from stocker_pipeline.lean_imports import imported_when_used
with imported_when_used("json"):
    from json import JSONDecoder
print(isinstance(json.decoder.JSONDecoder(), JSONDecoder))
"""
    ) == ["True"]


def test_pyarrow_and_deltalake_are_told_to_give_memory_back_before_they_are_loaded():
    assert printed(
        """
import os
from stocker_pipeline import definitions
import pyarrow as pa
print(pa.default_memory_pool().backend_name, os.environ["_RJEM_MALLOC_CONF"].count("_decay_ms:0"))
"""
    ) == ["system", "2"]


def test_an_allocator_that_the_environment_names_is_kept():
    assert printed(
        """
import os
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "mimalloc"
from stocker_pipeline import orchestration
print(os.environ["ARROW_DEFAULT_MEMORY_POOL"])
"""
    ) == ["mimalloc"]


def test_the_definitions_load_neither_dbt_nor_sqlglot_nor_pandas():
    assert (
        printed(
            """
import sys
from stocker_pipeline.definitions import build_definitions
build_definitions().get_repository_def()
print(*sorted({"dbt", "networkx", "sqlglot", "pandas", "scipy.linalg", "matplotlib", "plotly",
               "duckdb"} & set(sys.modules)))
"""
        )
        == []
    )
