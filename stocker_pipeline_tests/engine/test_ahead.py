"""Parts made by a thread are the parts, in their order, and so are their errors."""

import threading

import pytest

from stocker_pipeline.engine import ahead as module
from stocker_pipeline.engine.ahead import ahead


@pytest.fixture(params=[True, False], ids=["thread", "none"])
def anyhow(request, monkeypatch):
    monkeypatch.setattr(module, "_core_is_free", lambda: request.param)


def test_the_parts_and_their_order_are_the_same_with_and_without_a_thread(anyhow):
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead(iter([]))) == []


def test_an_error_comes_where_its_part_is_asked_for(anyhow):
    def parts():
        yield 1
        raise ValueError("the second part")

    made = ahead(parts())
    assert next(made) == 1
    with pytest.raises(ValueError, match="second"):
        next(made)


def test_no_more_parts_are_made_than_those_next_to_the_one_in_use(anyhow):
    begun = []

    def parts():
        for part in range(10):
            begun.append(part)
            yield part

    made = ahead(parts())
    for part in range(5):
        assert next(made) == part
        assert max(begun) <= part + module.PARTS_AHEAD


def test_whoever_stops_early_leaves_no_thread_behind(anyhow):
    before = threading.active_count()
    made = ahead(iter(range(10)))
    next(made)
    made.close() if hasattr(made, "close") else None
    assert threading.active_count() == before
