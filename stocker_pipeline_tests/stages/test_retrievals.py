"""The log of answers: what was asked, how it ended, and a hash that is equal where they are."""

from datetime import date, timedelta

import pytest

from stocker_pipeline.lake.schemas import RETRIEVALS
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.retrievals import content_hash, known_since
from stocker_pipeline_tests.stages.fake_gate import judge
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    numbers,
    quiet_market,
)


@pytest.fixture
def market(clock):
    return quiet_market(clock)


@pytest.fixture
def bring(lake, market, clock):
    def once(symbols=("AAA", "BBB", "NONE"), first: date = FIRST, last: date = LAST, **others):
        clock.advance(timedelta(hours=1))
        return ingest(market, lake, symbols, first, last, clock=clock, judge=judge, **others)

    return once


def log(lake) -> dict[str, dict]:
    return {row["symbol"]: row for row in lake.read(RETRIEVALS).to_pylist()}


def test_every_symbol_asked_for_has_a_row(bring, lake, market, clock):
    market.failed = {"AAA"}
    bring()
    found = log(lake)
    assert set(found) == {"AAA", "BBB", "NONE"}
    assert {name: row["outcome"] for name, row in found.items()} == {
        "AAA": "failed",
        "BBB": "bars",
        "NONE": "missing",
    }
    assert found["AAA"]["reason"] == "timed out three times"
    assert found["AAA"]["source_hash"] is None
    assert found["NONE"]["reason"] == "no bar in the range"
    bbb = found["BBB"]
    assert (bbb["bars"], bbb["actions"], bbb["refused_rows"]) == (len(DAYS), 1, 0)
    assert (bbb["first_session"], bbb["last_session"]) == (FIRST, LAST)
    assert (bbb["source"], bbb["role"], bbb["reason"]) == ("vendor", "provider", None)
    assert bbb["known_at"] == clock.now()
    assert len(bbb["source_hash"]) == 64


def test_the_same_answer_has_the_same_hash_and_no_second_row(bring, lake, market):
    bring()
    before = lake.read_versions(RETRIEVALS)
    bring()
    assert lake.read_versions(RETRIEVALS).equals(before)
    market.bars["AAA", DAYS[1]] = numbers(11.0, volume=None)
    bring()
    rows = lake.read_versions(RETRIEVALS, symbols=["AAA"])["source_hash"].to_pylist()
    assert len(set(rows)) == 2
    assert log(lake)["BBB"]["source_hash"] in before["source_hash"].to_pylist()


def test_an_action_and_a_refused_row_are_part_of_what_was_sent(bring, lake, market):
    hashes = set()
    for change in (
        lambda: None,
        lambda: market.actions.update({("AAA", DAYS[2]): (2.0, 0.0)}),
        lambda: market.refused.append(
            {"symbol": "AAA", "session": DAYS[0], "reason": "no_numbers", "evidence": "a row"}
        ),
    ):
        change()
        bring()
        hashes.add(log(lake)["AAA"]["source_hash"])
    assert len(hashes) == 3


def test_who_said_it_and_when_is_not_part_of_what_was_said(bring, lake, market):
    bring()
    one = log(lake)["AAA"]["source_hash"]
    market.name = "another"
    bring()
    both = lake.read(RETRIEVALS, symbols=["AAA"]).to_pylist()
    assert {row["source"] for row in both} == {"vendor", "another"}
    assert {row["source_hash"] for row in both} == {one}


def test_a_reference_is_logged_beside_the_provider(bring, lake, second):
    bring(reference=second)
    assert set(lake.read(RETRIEVALS, symbols=["AAA"])["role"].to_pylist()) == {
        "provider",
        "reference",
    }


def test_null_and_not_a_number_and_the_two_zeros_hash_alike():
    import pyarrow as pa

    def one(*values):
        return content_hash([pa.table({"close": pa.array(values, pa.float64())})])

    assert one(None, 0.0) == one(float("nan"), -0.0)
    assert one(1.0) != one(2.0)


def test_a_session_is_known_since_its_content_last_changed(bring, lake, market, clock):
    bring()
    then = clock.now()
    assert known_since(lake, FIRST, LAST) == dict.fromkeys(DAYS, then)
    bring()
    assert known_since(lake, FIRST, LAST) == dict.fromkeys(DAYS, then)
    market.bars["AAA", DAYS[2]] = numbers(99.0)
    market.actions["BBB", DAYS[4]] = (1.0, 0.5)
    del market.bars["BBB", DAYS[6]]
    bring()
    changed = {day for day, at in known_since(lake, FIRST, LAST).items() if at > then}
    assert changed == {DAYS[2], DAYS[4], DAYS[6]}
    assert set(known_since(lake, DAYS[2], DAYS[3])) == set(DAYS[2:4])
