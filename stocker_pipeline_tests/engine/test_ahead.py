"""Parts made by a thread are the parts, in their order, and so are their errors."""

import threading

import pytest

from stocker_pipeline.engine import ahead as module
from stocker_pipeline.engine.ahead import ahead


@pytest.fixture(params=[1, 2])
def cores(request, monkeypatch):
    monkeypatch.setattr(module, "_cores", lambda: request.param)
    return request.param


def test_the_parts_and_their_order_are_the_same_on_any_number_of_cores(cores):
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead(iter([]))) == []


def test_an_error_comes_where_its_part_is_asked_for(cores):
    def parts():
        yield 1
        raise ValueError("the second part")

    made = ahead(parts())
    assert next(made) == 1
    with pytest.raises(ValueError, match="second"):
        next(made)


def test_only_the_part_after_the_one_in_use_is_made(cores):
    begun = []

    def parts():
        for part in range(10):
            begun.append(part)
            yield part

    made = ahead(parts())
    for part in range(5):
        assert next(made) == part
        assert max(begun) <= part + 1


def test_whoever_stops_early_leaves_no_thread_behind(cores):
    before = threading.active_count()
    made = ahead(iter(range(10)))
    next(made)
    made.close() if hasattr(made, "close") else None
    assert threading.active_count() == before
