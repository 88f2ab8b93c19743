"""Some disturbed lives in the suite: thirty sessions always, a year among the longer tests."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from stocker_pipeline.gateways.brokers.misbehaviour import FaultKind
from stocker_pipeline_tests.soak.__main__ import (
    SESSIONS_A_YEAR,
    differences,
    live,
    mode_of,
    soak_market,
    table,
    written,
)
from stocker_pipeline_tests.soak.remains import Remains


@pytest.mark.parametrize(
    ("sessions", "seeds"),
    [
        (30, [1]),
        pytest.param(60, [1, 3, 4, 5, 6], marks=pytest.mark.slow),
        pytest.param(SESSIONS_A_YEAR, [2, 4], marks=pytest.mark.slow),
    ],
)
def test_a_life_with_faults_ends_like_its_twin(tmp_path: Path, sessions: int, seeds: list[int]):
    market, days = soak_market(sessions)
    twin = live(tmp_path / "twin", market, days, 0, ())
    assert twin.amiss == []
    for seed in seeds:
        found = live(tmp_path / str(seed), market, days, seed, mode_of(seed).kinds)
        assert differences(found, twin) == []
        assert found.sessions == sessions
        # Several in a session, and killed at least once: a life to which nothing happens is none.
        assert sum(found.fired.values()) > 2 * sessions
        assert found.deaths > 0
        if mode_of(seed).equal == "digest":
            assert len(found.fired) == len(mode_of(seed).kinds)


def _remains(seed: int) -> Remains:
    fired = Counter({FaultKind.HOLE.name: 1_200})
    return Remains(
        seed, 252, "d", ((), (), ()), 700, 690, 0, 0, 0, 0, (), fired, 3, 4, Counter(), 0, 61.2
    )


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("orders beyond the intended", "orders_beyond"),
        ("fills lost", "fills_lost"),
        ("1/10,000 dollars unexplained", "cash_unexplained_e4"),
        ("shares unexplained", "shares_unexplained"),
    ],
)
def test_what_must_be_zero_is_amiss_where_it_is_not(what: str, number: str):
    found = replace(_remains(1), **{number: 2})
    assert differences(found, _remains(0)) == [f"2 {what}"]


def test_another_digest_or_book_is_amiss_where_the_faults_only_lie():
    twin = _remains(0)
    assert differences(replace(_remains(1), digest="e"), twin) == ["another digest than the twin's"]
    assert differences(replace(_remains(3), digest="e"), twin) == []
    other = ((), (), ("intent",))
    assert differences(replace(_remains(3), books=other), twin) == ["other books than the twin's"]
    assert differences(replace(_remains(4), books=other, digest="e"), twin) == []


def test_the_table_says_how_much_was_lived_and_what_was_found():
    wrong = replace(_remains(1), digest="e", cash_unexplained_e4=150)
    said = table(_remains(0), [wrong, _remains(2)])
    assert "seeds 1, 2" in said
    assert "| 2 | 504 | 2,400 |" in said
    assert "| 1.5 | 0 | 0 | 1 (digest) | 122 |" in said
    assert "HOLE 2,400" in said


def test_the_section_stands_between_its_markers_and_the_rest_stays():
    page = "a\n<!-- soak, begin -->\nold\n<!-- soak, end -->\nb\n"
    assert written(page, "new\n") == "a\n<!-- soak, begin -->\nnew\n<!-- soak, end -->\nb\n"
    with pytest.raises(ValueError, match="soak, begin"):
        written("a\n", "new\n")
