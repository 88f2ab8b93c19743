"""What the lake knows about a bar: its versions, who differs, and what became of it."""

from datetime import date, timedelta

import pytest

from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS
from stocker_pipeline.stages.bars import (
    REVISIONS_SCHEMA,
    VENDOR_DIFFERENCES_SCHEMA,
    history_of,
    revisions,
    vendor_differences,
)
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.review import decide
from stocker_pipeline_tests.stages.fake_gate import judge
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    numbers,
    quiet_market,
)

SYMBOLS = ("AAA", "BBB")
HOUR = timedelta(hours=1)


@pytest.fixture
def market(clock):
    return quiet_market(clock)


@pytest.fixture
def bring(lake, market, second, clock):
    def once(**others) -> None:
        clock.advance(HOUR)
        ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=_judge, **others)

    return once


def _judge(bars, actions, *, reference=None, **others):
    return judge(bars, actions, **others)


@pytest.fixture
def say(lake, clock):
    def verdict(session: date, kind: str, **others) -> None:
        clock.advance(HOUR)
        how = {"author": "ann", "reason": "looked it up", "clock": clock, "judge": _judge}
        decide(lake, "AAA", session, kind, **how, **others)

    return verdict


def states(lake: Lake, **when) -> dict[date, str]:
    bars = history_of(lake, "AAA", judge=_judge, **when).bars
    return dict(zip(bars["session"].to_pylist(), bars["state"].to_pylist(), strict=True))


def test_every_bar_has_a_state_and_the_number_of_its_versions(bring, lake, market, say):
    for day in DAYS[1:4]:
        market.bars["AAA", day] = numbers(5_000.0)
    bring()
    say(DAYS[1], "accept")
    say(DAYS[2], "replace", replacement=numbers(12.0))
    say(DAYS[4], "hold")
    say(DAYS[5], "hold")
    del market.bars["AAA", DAYS[5]]
    market.bars["AAA", DAYS[6]] = numbers(16.5)
    bring()
    history = history_of(lake, "AAA", judge=_judge)
    found = dict(enumerate(history.bars["state"].to_pylist()))
    assert found == {
        0: "seen",
        1: "accepted",
        2: "replaced",
        3: "quarantined",
        4: "held",
        5: "withdrawn",
        6: "seen",
        7: "seen",
        8: "seen",
    }
    assert history.bars["versions"].to_pylist() == [1, 1, 1, 1, 1, 2, 2, 1, 1]
    assert history.bars["close"].to_pylist()[2:7] == [12.0, 5_000.0, 14.0, None, 16.5]
    assert history.findings["session"].to_pylist() == [DAYS[1], DAYS[3]]
    assert history.verdicts["verdict"].to_pylist() == ["accept", "replace", "hold", "hold"]


def test_a_range_of_sessions_and_a_moment_choose_what_is_told(bring, lake, market, say, clock):
    market.bars["AAA", DAYS[3]] = numbers(5_000.0)
    market.actions["AAA", DAYS[2]] = (2.0, 0.0)
    market.actions["AAA", DAYS[6]] = (1.0, 0.5)
    bring()
    then = clock.now()
    say(DAYS[3], "accept")
    market.bars["AAA", DAYS[4]] = numbers(14.5)
    bring()
    history = history_of(lake, "AAA", DAYS[2], DAYS[4], judge=_judge)
    assert history.bars["session"].to_pylist() == DAYS[2:5]
    assert history.bars["versions"].to_pylist() == [1, 1, 2]
    assert history.actions["session"].to_pylist() == [DAYS[2]]
    assert history.verdicts.num_rows == history.findings.num_rows == 1
    before = history_of(lake, "AAA", DAYS[2], DAYS[4], then, judge=_judge)
    assert before.bars["state"].to_pylist() == ["seen", "quarantined", "seen"]
    assert before.bars["close"].to_pylist() == [12.0, 5_000.0, 14.0]
    assert before.bars["versions"].to_pylist() == [1, 1, 1]
    assert before.verdicts.num_rows == 0
    assert history_of(lake, "AAA", DAYS[7], judge=_judge).actions.num_rows == 0


def test_a_verdict_that_does_not_apply_any_more_is_told_but_has_no_effect(bring, lake, market, say):
    market.bars["AAA", DAYS[3]] = numbers(5_000.0)
    bring()
    say(DAYS[3], "accept")
    market.bars["AAA", DAYS[3]] = numbers(6_000.0)
    bring()
    assert states(lake)[DAYS[3]] == "quarantined"
    assert history_of(lake, "AAA", judge=_judge).verdicts.num_rows == 1


def test_a_symbol_that_the_lake_does_not_have_has_an_empty_history(lake):
    assert history_of(lake, "NONE", judge=_judge).bars.num_rows == 0


def test_revisions_name_each_number_that_changed_and_who_changed_it(bring, lake, market, clock):
    bring()
    market.bars["AAA", DAYS[1]] = numbers(11.0, high=11.5)
    bring()
    first = clock.now()
    market.bars["AAA", DAYS[1]] = numbers(11.0, volume=None, low=10.9)
    market.bars["BBB", DAYS[0]] = numbers(50.0, adj_close=49.0)
    market.name = "another"
    bring()
    second = clock.now()
    changed = revisions(lake)
    assert changed.schema.equals(REVISIONS_SCHEMA)
    assert [tuple(row.values()) for row in changed.to_pylist()] == [
        ("AAA", DAYS[1], "high", 11.0, 11.5, "vendor", "vendor", first),
        ("AAA", DAYS[1], "high", 11.5, 11.0, "vendor", "another", second),
        ("AAA", DAYS[1], "low", 11.0, 10.9, "vendor", "another", second),
        ("AAA", DAYS[1], "volume", 1_000.0, None, "vendor", "another", second),
        ("BBB", DAYS[0], "adj_close", 50.0, 49.0, "vendor", "another", second),
    ]
    assert revisions(lake, ["BBB"]).num_rows == 1
    assert revisions(lake, first=DAYS[1]).num_rows == 4
    assert revisions(lake, last=DAYS[0]).num_rows == 1


def test_a_withdrawal_is_a_revision_of_every_number(bring, lake, market):
    bring()
    del market.bars["AAA", DAYS[1]]
    bring()
    rows = revisions(lake).to_pylist()
    assert [row["field"] for row in rows] == BARS.schema.names[2:8]
    assert {row["after"] for row in rows} == {None}


def test_a_lake_without_revisions_and_references_says_so(bring, lake):
    assert revisions(lake).num_rows == 0
    assert vendor_differences(lake).num_rows == 0
    bring()
    assert revisions(lake).num_rows == 0


def test_vendor_differences_are_relative_and_signed(bring, lake, market, second):
    second.bars["AAA", DAYS[1]] = {**numbers(11.0, high=11.02), "close": 11.011}
    second.bars["BBB", DAYS[2]] = numbers(52.001)
    del market.bars["AAA", DAYS[5]]
    bring(reference=second)
    rows = vendor_differences(lake)
    assert rows.schema.equals(VENDOR_DIFFERENCES_SCHEMA)
    told = [(row["session"], row["field"]) for row in rows.to_pylist()]
    assert told == [(DAYS[1], "high"), (DAYS[1], "close")] + [
        (DAYS[5], field) for field in ("open", "high", "low", "close")
    ]
    close = rows.to_pylist()[1]
    assert (close["value"], close["reference"]) == (11.0, 11.011)
    assert close["difference_bps"] == pytest.approx(10.0)
    assert (close["source"], close["reference_source"]) == ("vendor", "second")
    absent = rows.to_pylist()[2]
    assert (absent["value"], absent["difference_bps"], absent["source"]) == (None, None, None)


def test_fields_and_tolerance_choose_which_differences_count(bring, lake, second):
    second.bars["BBB", DAYS[2]] = numbers(52.001, volume=2_000.0)
    bring(reference=second)
    assert vendor_differences(lake).num_rows == 0
    assert vendor_differences(lake, tolerance_bps=0.0).num_rows == 4
    (row,) = vendor_differences(lake, fields=["volume"], tolerance_bps=100.0).to_pylist()
    assert row["difference_bps"] == 10_000.0
    assert vendor_differences(lake, ["AAA"], tolerance_bps=0.0).num_rows == 0
