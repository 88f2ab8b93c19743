"""Machine code is only found again for the very sources it was made from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stocker_pipeline.engine.kernel_cache import digest_of, folder, forget_others


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for room in ("engine", "strategies"):
        (tmp_path / room).mkdir()
    (tmp_path / "engine/inner.py").write_text("A = 1\n")
    (tmp_path / "strategies/outer.py").write_text("from inner import A\n")
    return tmp_path


@pytest.mark.parametrize("changed", ["engine/inner.py", "strategies/outer.py"])
def test_a_change_in_any_source_gives_another_folder(sources, changed):
    before = folder(None, sources)
    (sources / changed).write_text("A = 2\n")
    assert folder(None, sources) != before


def test_of_the_analytics_only_a_file_with_a_kernel_gives_another_folder(sources):
    (sources / "analytics").mkdir()
    before = folder(None, sources)
    (sources / "analytics/page.py").write_text("A = 1\n")
    assert folder(None, sources) == before
    (sources / "analytics/breadth.py").write_text("from numba import njit\n")
    assert folder(None, sources) != before


def test_a_new_name_for_the_same_text_gives_another_folder(sources):
    before = digest_of(sources)
    (sources / "engine/inner.py").rename(sources / "engine/other.py")
    assert digest_of(sources) != before


def test_the_folder_lies_inside_the_one_that_a_person_named(sources):
    assert folder("/var/cache/numba", sources).parent == Path("/var/cache/numba")


def test_a_parent_s_folder_of_older_sources_is_not_inherited(sources):
    older = folder("/var/cache/numba", sources)
    (sources / "engine/inner.py").write_text("A = 3\n")
    newer = folder(str(older), sources)
    assert newer.parent == older.parent
    assert newer != older


PROGRAM = """
import numba  # loaded before us, as a strategy of a person's own may do
from stocker_pipeline.engine.money import share_of
print(numba.config.CACHE_DIR, share_of._cache._impl._locator.get_cache_path(), sep="\\n")
"""


def test_numba_keeps_the_engine_s_kernels_there_even_when_it_was_loaded_first(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    configured, used = done.stdout.splitlines()
    assert Path(configured) == folder(str(tmp_path))
    assert used.startswith(configured)


def test_what_older_sources_left_can_be_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    current, old = folder(str(tmp_path)), tmp_path / "stocker-kernels-0123456789abcdef"
    other = tmp_path / "not-ours"
    for path in (current, old, other):
        path.mkdir()
    assert forget_others() == 1
    assert current.is_dir()
    assert other.is_dir()
    assert not old.exists()
