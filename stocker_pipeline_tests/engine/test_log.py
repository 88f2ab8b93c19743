"""Memory of a log serves the next one, and never while somebody still looks at it."""

import gc

import numpy as np
import pytest

from stocker_pipeline.engine import log as module
from stocker_pipeline.engine.log import Log, lent_log


@pytest.fixture(autouse=True)
def nothing_spare(monkeypatch):
    gc.collect()  # A run that an earlier test left behind would give its memory back in here.
    monkeypatch.setattr(module, "_spare", [])


def written(rows: int, capacity: int = 100) -> Log:
    log = lent_log(capacity, 6)
    log.rows[:rows] = np.arange(rows)[:, None]
    log.count[0] = rows
    return log


def place_of(log: Log) -> int:
    return log.rows.__array_interface__["data"][0]


def test_a_log_takes_the_memory_of_the_one_before():
    first = written(50)
    place = place_of(first)
    del first
    second = lent_log(100, 6)
    assert place_of(second) == place
    assert second.used()[0].shape == (0, 6)


def test_memory_that_somebody_looks_at_is_not_lent_again():
    first = written(50)
    place, part_of_it = place_of(first), first.used()[0][10:20, 2]
    del first
    second = written(100)
    assert place_of(second) != place
    assert part_of_it.tolist() == list(range(10, 20))
    del part_of_it
    assert place_of(lent_log(100, 6)) == place


def test_a_smaller_log_or_one_of_other_columns_does_not_serve():
    for capacity, columns in ((101, 6), (100, 7)):
        assert written(1).rows.shape == (100, 6)
        log = lent_log(capacity, columns)
        assert log.rows.shape == (capacity, columns)
        assert len(log.values) == 0


def test_what_took_much_memory_is_given_back(monkeypatch):
    monkeypatch.setattr(module, "_SPARE_BYTES_MAX", 50 * 48)
    for rows, kept in ((50, 1), (51, 0)):
        module._spare.clear()
        log = written(rows)
        del log
        assert len(module._spare) == kept
