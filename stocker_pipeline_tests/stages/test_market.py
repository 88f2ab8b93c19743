"""Which bars a strategy sees: now, in the past, and while nobody has judged them yet."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.gateways.market_data.provider import (
    RECEIVED_ACTIONS_SCHEMA,
    RECEIVED_BARS_SCHEMA,
)
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS, FINDINGS, MARKET_DATASETS
from stocker_pipeline.quality.findings import OTHER_SECURITY
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import current_bars, read_panel
from stocker_pipeline.stages.review import decide
from stocker_pipeline.strategies.portfolio import portfolio_from
from stocker_pipeline_tests.stages.fake_gate import FOUND, judge
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    NOON,
    numbers,
    quiet_market,
)

SYMBOLS = ("AAA", "BBB")
BAD = DAYS[4]
HOUR = timedelta(hours=1)


@pytest.fixture
def market(clock):
    made = quiet_market(clock)
    made.bars["AAA", BAD] = numbers(5_000.0)
    return made


@pytest.fixture
def bring(lake, market, clock):
    def once(gate=judge) -> None:
        clock.advance(HOUR)
        ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=gate)

    return once


@pytest.fixture
def say(lake, clock):
    """Decide about the bad bar, one hour after whatever came before."""

    def verdict(kind: str, *, session: date = BAD, **others) -> None:
        clock.advance(HOUR)
        how = {"author": "ann", "reason": "looked it up", "clock": clock, "judge": judge}
        decide(lake, "AAA", session, kind, **how, **others)

    return verdict


def closes(lake: Lake, **when) -> dict[date, float]:
    rows = current_bars(lake, ["AAA"], judge=judge, **when).bars
    return dict(zip(rows["session"].to_pylist(), rows["close"].to_pylist(), strict=True))


def test_the_lake_keeps_the_columns_that_providers_send():
    assert BARS.schema.equals(RECEIVED_BARS_SCHEMA)
    assert CORPORATE_ACTIONS.schema.equals(RECEIVED_ACTIONS_SCHEMA)


def test_a_quarantined_bar_is_left_out_and_the_reason_is_given(bring, lake):
    bring()
    seen = current_bars(lake, SYMBOLS, judge=judge)
    assert BAD not in closes(lake)
    assert seen.bars.num_rows == 2 * len(DAYS) - 1
    assert seen.bars.schema.equals(BARS.schema)
    assert seen.actions.num_rows == 1
    assert seen.excluded.to_pylist() == [
        {
            "symbol": "AAA",
            "session": BAD,
            "rules": "spike",
            "verdict": None,
            "why": "close 5000.0",
        }
    ]


def test_a_flagged_bar_is_seen(bring, lake, market):
    market.bars["AAA", BAD] = numbers(14.0, volume=0.0)
    bring()
    assert lake.read(FINDINGS).num_rows == 1
    assert closes(lake)[BAD] == 14.0


def test_symbols_and_last_choose_what_is_seen(bring, lake):
    bring()
    seen = current_bars(lake, ["BBB"], DAYS[2], judge=judge)
    assert set(seen.bars["symbol"].to_pylist()) == {"BBB"}
    assert seen.bars["session"].to_pylist() == DAYS[:3]
    assert seen.actions.num_rows == seen.excluded.num_rows == 0
    assert current_bars(lake, ["AAA"], DAYS[2], judge=judge).excluded.num_rows == 0
    assert current_bars(lake, judge=judge).bars.num_rows == 2 * len(DAYS) - 1


def test_an_accepted_bar_is_seen_although_a_rule_fires(bring, say, lake, market):
    market.bars["AAA", BAD] = numbers(5_000.0, volume=3.0)
    bring()
    say("accept")
    assert closes(lake)[BAD] == 5_000.0
    assert lake.read(FINDINGS)["rule"].to_pylist() == ["spike"]


def test_a_replaced_bar_is_seen_with_the_numbers_and_source_of_the_replacement(
    bring, say, lake, clock
):
    bring()
    say("replace", replacement=numbers(14.0))
    row = current_bars(lake, ["AAA"], judge=judge).bars.to_pylist()[DAYS.index(BAD)]
    assert row == {
        "symbol": "AAA",
        "session": BAD,
        **numbers(14.0),
        "source": "by hand",
        "known_at": clock.now(),
    }
    assert lake.read(FINDINGS).num_rows == 0, "the gate judges the numbers that are traded on"


def test_a_held_bar_is_left_out_even_where_no_rule_fires(bring, say, lake):
    bring()
    say("hold", session=DAYS[2])
    seen = current_bars(lake, ["AAA"], judge=judge)
    assert DAYS[2] not in closes(lake)
    (row,) = [row for row in seen.excluded.to_pylist() if row["session"] == DAYS[2]]
    assert (row["rules"], row["verdict"], row["why"]) == ("", "hold", "ann: looked it up")


def test_the_latest_verdict_counts(bring, say, lake):
    bring()
    say("hold")
    say("accept")
    assert closes(lake)[BAD] == 5_000.0
    say("hold")
    assert BAD not in closes(lake)


@pytest.mark.parametrize("verdict", ["accept", "replace"])
def test_a_restated_bar_is_a_new_question(bring, say, lake, market, verdict):
    bring()
    say(verdict, **({"replacement": numbers(14.0)} if verdict == "replace" else {}))
    market.bars["AAA", BAD] = numbers(6_000.0)
    bring()
    assert BAD not in closes(lake)
    market.bars["AAA", BAD] = numbers(14.5)
    bring()
    assert closes(lake)[BAD] == 14.5
    market.bars["AAA", BAD] = numbers(5_000.0)
    bring()
    assert closes(lake)[BAD] == {"accept": 5_000.0, "replace": 14.0}[verdict], "the old content"


def test_a_hold_stays_whatever_the_source_says(bring, say, lake, market):
    bring()
    say("hold")
    market.bars["AAA", BAD] = numbers(14.0)
    bring()
    assert BAD not in closes(lake)


def test_an_adjusted_close_that_a_dividend_restates_is_no_new_question(bring, say, lake, market):
    bring()
    say("replace", replacement=numbers(14.0, adj_close=7.0))
    for day in DAYS[: DAYS.index(BAD) + 1]:
        market.bars["AAA", day]["adj_close"] *= 0.98
    bring()
    row = current_bars(lake, ["AAA"], judge=judge).bars.to_pylist()[DAYS.index(BAD)]
    assert row["close"] == 14.0
    assert row["adj_close"] == pytest.approx(7.0 * 0.98), "scaled as the source scaled its own"


def test_a_replaced_bar_that_is_withdrawn_is_gone(bring, say, lake, market):
    bring()
    say("replace", replacement=numbers(14.0))
    del market.bars["AAA", BAD]
    bring()
    assert BAD not in closes(lake)


def test_the_past_is_seen_as_it_was_known_and_decided(bring, say, lake, market, clock):
    bring()
    quarantined = clock.now()
    say("accept")
    accepted = clock.now()
    market.bars["AAA", BAD] = numbers(14.0)
    bring()
    say("hold")
    assert closes(lake, as_of=NOON) == {}
    assert BAD not in closes(lake, as_of=quarantined)
    assert closes(lake, as_of=accepted)[BAD] == 5_000.0
    assert closes(lake, as_of=clock.now() - HOUR)[BAD] == 14.0
    assert BAD not in closes(lake, as_of=clock.now())


def test_a_bar_that_nobody_has_judged_is_judged_before_it_is_seen(lake, market, clock, bring):
    class Killed(BaseException):
        pass

    def dies(*bars, **others):
        raise Killed

    with pytest.raises(Killed):
        bring(dies)
    assert lake.read(BARS).num_rows == 2 * len(DAYS)
    assert BAD not in closes(lake)
    bring()
    market.bars["AAA", DAYS[1]] = numbers(7_000.0)
    with pytest.raises(Killed):
        bring(dies)
    assert lake.read(FINDINGS)["session"].to_pylist() == [BAD]
    assert {BAD, DAYS[1]}.isdisjoint(closes(lake))


def test_a_judged_lake_is_not_judged_again(bring, lake):
    bring()

    def never(*bars, **others):
        raise AssertionError("the gate was asked")

    assert current_bars(lake, SYMBOLS, judge=never).excluded.num_rows == 1


def test_the_gate_sees_bars_as_verdicts_leave_them(bring, say, lake, clock):
    seen = []

    def remember(bars, actions, **others):
        rows = bars.filter(pc.equal(bars["symbol"], "AAA"))
        seen.append(dict(zip(rows["session"].to_pylist(), rows["close"].to_pylist(), strict=True)))
        return judge(bars, actions, **others)

    bring()
    say("replace", replacement=numbers(14.0))
    say("hold", session=DAYS[2])
    bring(remember)
    current_bars(lake, ["AAA"], as_of=clock.now(), judge=remember)
    assert len(seen) == 2
    for history in seen:
        assert history[BAD] == 14.0
        assert DAYS[2] not in history


def _other_security(bars, actions, **others):
    """The gate's own rules, and a hole before the fourth session of AAA."""
    found = judge(bars, actions, **others).to_pylist()
    row = {"symbol": "AAA", "session": DAYS[3], "rule": OTHER_SECURITY, "severity": "error"}
    row |= {"evidence": "80 sessions without a bar", "threshold": "60", "treatment": "flagged"}
    return pa.Table.from_pylist([row, *found], schema=FOUND)


def test_bars_of_another_security_under_the_same_ticker_are_left_out(bring, lake, clock):
    bring(_other_security)
    seen = current_bars(lake, judge=_other_security)
    days = seen.bars.filter(pc.equal(seen.bars["symbol"], "AAA"))["session"].to_pylist()
    assert days == [day for day in DAYS[3:] if day != BAD]
    assert seen.bars.num_rows == len(days) + len(DAYS), "BBB is whole"
    assert seen.excluded.to_pylist()[0]["rules"] == OTHER_SECURITY
    how = {"author": "ann", "reason": "trading was halted", "clock": clock}
    decide(lake, "AAA", DAYS[3], "accept", **how, judge=_other_security)
    seen = current_bars(lake, ["AAA"], judge=_other_security)
    assert seen.excluded["session"].to_pylist() == [BAD]


def test_a_source_is_not_compared_with_itself_and_only_with_one_other(lake, market, clock):
    seen = []

    def remember(bars, actions, *, reference=None, **others):
        seen.append(reference)
        return judge(bars, actions, **others)

    def bring(symbols, *names):
        for name in names:
            second = quiet_market(clock, name)
            if name == "y":
                del second.bars["AAA", DAYS[0]]
            how = {"clock": clock, "judge": remember, "reference": second}
            ingest(market, lake, symbols, FIRST, LAST, **how)

    bring(SYMBOLS, market.name)
    assert seen.pop() is None
    bring(["AAA"], "z")
    bring(SYMBOLS, "y")
    compared = set(zip(*(seen[-1][name].to_pylist() for name in ("symbol", "source")), strict=True))
    assert compared == {("AAA", "z"), ("BBB", "y")}


def test_versions_are_those_that_were_read_whatever_is_written_meanwhile(
    bring, lake, market, clock
):
    bring()
    before = lake.versions(MARKET_DATASETS)

    def meanwhile(bars, actions, **others):
        market.bars["BBB", DAYS[1]] = numbers(70.0)
        bring()
        return judge(bars, actions, **others)

    seen = current_bars(lake, SYMBOLS, as_of=clock.now(), judge=meanwhile)
    assert seen.versions == before
    assert lake.versions(MARKET_DATASETS) != before


def test_an_empty_lake_has_no_bars(lake):
    seen = current_bars(lake, judge=judge)
    assert seen.bars.num_rows == seen.actions.num_rows == seen.excluded.num_rows == 0


@pytest.fixture
def portfolio():
    return portfolio_from({"strategy": "buy_and_hold", "universe": list(SYMBOLS)}, where="test")


def test_the_panel_has_no_bar_where_one_is_quarantined(bring, lake, portfolio):
    bring()
    panel = read_panel(lake, portfolio, LAST).panel
    column = panel.symbols.index("AAA")
    assert np.isnan(panel.market.close[panel.row_of(BAD), column])
    assert panel.market.close[panel.row_of(DAYS[5]), column] == 15.0


def test_a_panel_of_the_past_is_what_was_known_then(bring, lake, market, clock, portfolio):
    bring()
    then = clock.now()
    market.bars["BBB", DAYS[1]] = numbers(70.0)
    bring()
    for as_of, close in ((then, 51.0), (None, 70.0)):
        panel = read_panel(lake, portfolio, LAST, as_of=as_of).panel
        assert panel.market.close[panel.row_of(DAYS[1]), panel.symbols.index("BBB")] == close


def test_a_lake_without_bars_is_refused_as_a_panel(lake, portfolio):
    with pytest.raises(InputRefused, match="stocker ingest"):
        read_panel(lake, portfolio, LAST)


def test_a_market_that_is_left_out_altogether_is_told_from_one_that_is_not_there(
    bring, lake, market, portfolio
):
    for key in market.bars:
        market.bars[key] = numbers(5_000.0)
    bring()
    with pytest.raises(InputRefused, match="18 bars, all left out: close 5000"):
        read_panel(lake, portfolio, LAST)


def test_excluded_rows_have_one_row_per_bar(bring, lake, market):
    def twice(bars, actions, **others):
        found = judge(bars, actions, **others)
        again = found.set_column(
            found.schema.get_field_index("rule"), "rule", pa.repeat("other", found.num_rows)
        )
        return pa.concat_tables([found, again.cast(found.schema), found])

    bring(twice)
    (row,) = current_bars(lake, judge=judge).excluded.to_pylist()
    assert row["rules"] == "other, spike"
