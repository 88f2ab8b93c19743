"""Verdicts: what is open, what may be decided, and what a decision leaves behind."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, DATASETS, VERDICTS
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline.stages.review import decide, open_findings
from stocker_pipeline_tests.stages.fake_gate import find_nothing, judge
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    NOON,
    numbers,
    quiet_market,
)

SYMBOLS = ("AAA", "BBB")
BAD, THIN = DAYS[4], DAYS[6]
HOUR = timedelta(hours=1)


@pytest.fixture
def market(clock):
    made = quiet_market(clock)
    made.bars["AAA", BAD] = numbers(5_000.0)
    made.bars["BBB", THIN] = numbers(56.0, volume=0.0)
    return made


@pytest.fixture
def second(clock):
    made = quiet_market(clock, "second")
    made.bars["AAA", BAD] = numbers(14.2, adj_close=None)
    return made


@pytest.fixture
def bring(tmp_path: Path, market, second, clock):
    lake = Lake(str(tmp_path / "lake"))

    def once() -> Lake:
        clock.advance(HOUR)
        how = {"clock": clock, "judge": _without_reference, "reference": second}
        ingest(market, lake, SYMBOLS, FIRST, LAST, **how)
        return lake

    return once


@pytest.fixture
def lake(bring) -> Lake:
    return bring()


@pytest.fixture
def say(lake, clock):
    def verdict(kind: str, symbol="AAA", session: date = BAD, **others):
        clock.advance(HOUR)
        how = {"author": "ann", "reason": "looked it up", "clock": clock}
        return decide(lake, symbol, session, kind, **{**how, **others}, judge=_without_reference)

    return verdict


def _without_reference(bars, actions, *, reference=None, **others):
    return judge(bars, actions, **others)


def rules(lake: Lake, *asked, **how) -> list[tuple[str, str]]:
    rows = open_findings(lake, *asked, **how, judge=_without_reference)
    return list(zip(rows["symbol"].to_pylist(), rows["rule"].to_pylist(), strict=True))


def close(lake: Lake, symbol: str = "AAA", session: date = BAD) -> float | None:
    rows = current_bars(lake, [symbol], judge=_without_reference).bars.to_pylist()
    return next((row["close"] for row in rows if row["session"] == session), None)


def test_open_findings_are_those_about_which_nobody_decided(lake, say):
    assert rules(lake) == [("AAA", "spike"), ("BBB", "no_volume")]
    assert rules(lake, ["AAA"]) == [("AAA", "spike")]
    assert rules(lake, treatment="flagged") == [("BBB", "no_volume")]
    assert say("accept").open_findings.num_rows == 0
    assert rules(lake) == [("BBB", "no_volume")]
    say("hold", "BBB", THIN)
    assert rules(lake) == []


def test_a_verdict_says_who_why_when_and_about_which_content(lake, say, clock):
    decided = say("accept", author=" ann ", reason="the exchange confirms it")
    (row,) = lake.read(VERDICTS).to_pylist()
    assert row == decided.verdict
    assert (row["author"], row["reason"]) == ("ann", "the exchange confirms it")
    assert row["decided_at"] == clock.now()
    assert len(row["bar_hash"]) == 16
    assert all(value is None for name, value in row.items() if name.startswith("replacement"))


def test_every_verdict_is_kept(lake, say):
    for kind in ("hold", "accept", "hold"):
        say(kind)
    assert lake.read_versions(VERDICTS)["verdict"].to_pylist() == ["hold", "accept", "hold"]
    assert lake.read(VERDICTS)["verdict"].to_pylist() == ["hold"]


def test_the_same_decision_twice_is_one(lake, say):
    say("hold")
    versions = lake.versions(DATASETS)
    say("hold")
    assert lake.versions(DATASETS) == versions


@pytest.mark.parametrize("verdict", ["accept", "replace", "hold"])
def test_a_verdict_survives_ingesting_again(lake, say, bring, verdict):
    say(verdict, **({"replacement": numbers(14.0)} if verdict == "replace" else {}))
    expected = {"accept": 5_000.0, "replace": 14.0, "hold": None}[verdict]
    assert close(lake) == expected
    bring()
    bring()
    assert close(lake) == expected
    assert rules(lake, ["AAA"]) == []


def test_a_replacement_comes_from_a_reference_source_by_name(lake, say):
    say("replace", replacement="second")
    (row,) = lake.read(VERDICTS).to_pylist()
    assert (row["replacement_close"], row["replacement_source"]) == (14.2, "second")
    assert row["replacement_adj_close"] is None
    assert close(lake) == 14.2


def test_a_replacement_comes_from_another_version_by_its_instant(bring, lake, say, market, clock):
    good = market.bars["AAA", BAD] = numbers(14.1)
    bring()
    then = clock.now()
    market.bars["AAA", BAD] = numbers(5_001.0)
    bring()
    say("replace", replacement=then)
    assert close(lake) == good["close"]
    assert lake.read(VERDICTS)["replacement_source"].to_pylist() == ["vendor"]


def test_numbers_that_are_left_out_stay_as_they_are(lake, say):
    say("replace", "BBB", THIN, replacement={"volume": 700.0})
    row = lake.read(VERDICTS).to_pylist()[0]
    assert {name: row[f"replacement_{name}"] for name in numbers(0.0)} == numbers(
        56.0, volume=700.0
    )
    assert row["replacement_source"] == "by hand"


def test_the_adjusted_close_is_unknown_where_only_the_close_changes(lake, say):
    say("replace", replacement=numbers(14.0) | {"adj_close": 13.0})
    assert lake.read(VERDICTS)["replacement_adj_close"].to_pylist() == [13.0]
    given = numbers(14.5)
    del given["adj_close"]
    say("replace", replacement=given)
    assert lake.read(VERDICTS)["replacement_adj_close"].to_pylist() == [None]


REFUSED = [
    ("accept", {"session": date(2024, 1, 6)}, "no such bar"),
    ("hold", {"symbol": "NONE"}, "no such bar"),
    ("accept", {"session": DAYS[0]}, "nothing to judge"),
    ("accept", {"reason": "  "}, "the reason of the verdict in words"),
    ("hold", {"author": ""}, "the author of the verdict in words"),
    ("reject", {}, "accept, replace, hold"),
    ("replace", {}, "without a replacement"),
    ("accept", {"replacement": "second"}, "accept with a replacement"),
    ("replace", {"replacement": "nobody"}, r"second \(2024-01-15T13:00:00"),
    ("replace", {"replacement": NOON}, "Name one of them by its source or its instant"),
    ("replace", {"replacement": {}}, "some of the numbers open"),
    ("replace", {"replacement": {"price": 1.0}}, "received price"),
    ("replace", {"replacement": {"low": 6_000.0}}, "a high at or above the low"),
    ("replace", {"replacement": numbers(0.0)}, "a finite price from 0.0001"),
    ("replace", {"replacement": {"close": float("nan")}}, "a finite number as close"),
    ("replace", {"replacement": {"open": None}}, "a finite price"),
    ("replace", {"replacement": {"volume": -1.0}}, "a finite number of shares"),
    ("replace", {"replacement": {"close": 5_000.0}}, "the same numbers"),
]


@pytest.mark.parametrize(
    ("verdict", "how", "told"), REFUSED, ids=[f"{row[0]}-{row[2][:20]}" for row in REFUSED]
)
def test_a_verdict_that_cannot_be_is_refused_and_changes_nothing(lake, say, verdict, how, told):
    versions = lake.versions(DATASETS)
    with pytest.raises(InputRefused, match=told):
        say(verdict, **how)
    assert lake.versions(DATASETS) == versions


def test_a_bar_that_breaks_the_rules_of_bars_cannot_be_accepted(bring, lake, say, market):
    market.bars["AAA", BAD] = numbers(5_000.0, low=0.0)
    bring()
    with pytest.raises(InputRefused, match="the bar to accept.*a finite price"):
        say("accept")
    say("hold")


def test_a_withdrawn_bar_is_told_from_one_that_never_was(bring, lake, say, market):
    del market.bars["AAA", BAD]
    bring()
    with pytest.raises(InputRefused, match="a bar that its source withdrew"):
        say("hold")


def test_an_accepted_verdict_can_be_taken_back_where_no_rule_fires_any_more(lake, say, clock):
    say("hold", session=DAYS[0])
    assert close(lake, session=DAYS[0]) is None
    say("accept", session=DAYS[0])
    assert close(lake, session=DAYS[0]) == 10.0


def test_a_decision_killed_before_its_findings_still_counts(lake, clock):
    class Killed(BaseException):
        pass

    def dies(*bars, **others):
        raise Killed

    how = {"author": "ann", "reason": "wrong", "clock": clock, "replacement": numbers(14.0)}
    with pytest.raises(Killed):
        decide(lake, "AAA", BAD, "replace", **how, judge=dies)
    assert close(lake) == 14.0
    assert rules(lake, ["AAA"]) == []


def test_a_decision_changes_no_bar(lake, say):
    before = lake.read_versions(BARS)
    say("replace", replacement=numbers(14.0))
    assert lake.read_versions(BARS).equals(before)


def test_without_findings_nothing_is_open(lake):
    ingest(quiet_market(), lake, SYMBOLS, FIRST, LAST, clock=FixedClock(NOON), judge=find_nothing)
    assert open_findings(lake, judge=find_nothing).num_rows == 0
