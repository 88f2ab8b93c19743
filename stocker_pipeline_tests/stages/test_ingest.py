"""Ingesting: every version stays, the same answer writes nothing, a killed run can be repeated."""

import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.fallback import FallbackMarket
from stocker_pipeline.lake import lake as lake_module
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import (
    BARS,
    CORPORATE_ACTIONS,
    DATASETS,
    FINDINGS,
    JUDGEMENTS,
    REFERENCE_BARS,
    REFUSED_ROWS,
    RETRIEVALS,
)
from stocker_pipeline.stages.ingest import Brought, Ingested, ingest
from stocker_pipeline.stages.judgement import live_actions, live_bars
from stocker_pipeline_tests.stages.fake_gate import judge
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    NOON,
    numbers,
    quiet_market,
)

SYMBOLS = ("AAA", "BBB")
BOTH = 2 * len(DAYS)


@pytest.fixture
def market(clock):
    return quiet_market(clock)


@pytest.fixture
def bring(lake, market, clock):
    """Ingest the market as it is now, one hour after the time before."""

    def once(symbols=SYMBOLS, first: date = FIRST, last: date = LAST, **others) -> Ingested:
        clock.advance(timedelta(hours=1))
        return ingest(market, lake, symbols, first, last, clock=clock, judge=judge, **others)

    return once


def closes(lake: Lake, symbol: str = "AAA", **when) -> dict[date, float]:
    rows = live_bars(lake, [symbol], **when)
    return dict(zip(rows["session"].to_pylist(), rows["close"].to_pylist(), strict=True))


def contents(lake: Lake) -> dict[str, pa.Table]:
    """Every table without the instants, and without the log of judgements."""
    found = {}
    for dataset in set(DATASETS) - {JUDGEMENTS}:
        rows = lake.read_versions(dataset) if dataset.versioned_by else lake.read(dataset)
        found[dataset.name] = rows.drop_columns(
            [name for name in ("known_at", "decided_at") if name in rows.column_names]
        )
    return found


def test_an_ingest_says_what_it_brought(bring, market):
    market.refused = [_refused("AAA", DAYS[2], "no_numbers")]
    result = bring(("AAA", "BBB", "NONE"))
    assert result.source == "vendor"
    assert result.bars == Brought(fetched=BOTH, new=BOTH)
    assert result.actions == Brought(fetched=1, new=1)
    assert result.missing == {"NONE": "no bar in the range"}
    assert result.refused_rows == {"no_numbers": 1}
    assert result.findings == {"info": 1}
    assert result.quarantined == 0
    assert result.failed == {}


def test_the_same_ingest_twice_writes_nothing_new(bring, lake, market):
    market.bars["AAA", DAYS[4]] = numbers(5_000.0)
    market.refused = [_refused("AAA", None, "unreadable"), _refused("AAA", None, "unreadable")]
    bring(reference=quiet_market(market.clock, "other"))
    before = lake.versions(DATASETS)
    again = bring(reference=quiet_market(market.clock, "other"))
    assert lake.versions(DATASETS) == before
    assert again.bars == again.reference == Brought(fetched=BOTH)
    assert again.quarantined == 1


def test_a_restated_bar_stands_beside_the_old_one(bring, lake, market, clock):
    bring()
    old = lake.read_versions(BARS)
    then = clock.now()
    market.bars["AAA", DAYS[1]] = numbers(11.5)
    assert bring().bars == Brought(fetched=BOTH, changed=1)
    assert closes(lake)[DAYS[1]] == 11.5
    assert closes(lake, as_of=then)[DAYS[1]] == 11.0
    rows = lake.read_versions(BARS)
    assert rows.num_rows == old.num_rows + 1
    assert set(map(str, old.to_pylist())) < set(map(str, rows.to_pylist()))


def test_source_and_time_alone_are_no_new_version(bring, lake, market):
    bring()
    market.name = "another"
    assert bring().bars == Brought(fetched=BOTH)
    assert lake.version(BARS) == 1


def test_a_number_that_becomes_unknown_is_a_new_version(bring, market):
    bring()
    market.bars["AAA", DAYS[1]] = numbers(11.0, adj_close=None)
    assert bring().bars.changed == 1
    assert bring().bars.changed == 0


def test_a_bar_that_is_not_sent_any_more_is_withdrawn_and_may_come_back(bring, lake, market, clock):
    bring()
    there = clock.now()
    bar = market.bars.pop(("AAA", DAYS[2]))
    assert bring().bars == Brought(fetched=BOTH - 1, withdrawn=1)
    gone = clock.now()
    assert DAYS[2] not in closes(lake)
    assert bring().bars == Brought(fetched=BOTH - 1)
    market.bars["AAA", DAYS[2]] = bar
    assert bring().bars == Brought(fetched=BOTH, changed=1)
    assert closes(lake)[DAYS[2]] == closes(lake, as_of=there)[DAYS[2]] == 12.0
    assert DAYS[2] not in closes(lake, as_of=gone)
    assert lake.read_versions(BARS, symbols=["AAA"], first=DAYS[2], last=DAYS[2]).num_rows == 3


def test_only_bars_inside_the_range_asked_for_are_withdrawn(bring, lake, market):
    bring()
    for day in DAYS[:3]:
        del market.bars["AAA", day]
    bring(first=DAYS[2])
    assert [day for day in DAYS if day not in closes(lake)] == [DAYS[2]]


def test_a_bar_of_another_source_is_not_withdrawn(bring, lake, market):
    bring()
    market.name = "another"
    del market.bars["AAA", DAYS[2]]
    assert bring().bars.withdrawn == 0
    assert DAYS[2] in closes(lake)


def test_a_bar_that_came_in_an_unreadable_form_is_not_withdrawn(bring, lake, market):
    bring()
    del market.bars["AAA", DAYS[2]]
    market.refused = [_refused("AAA", DAYS[2], "no_numbers")]
    assert bring().bars.withdrawn == 0
    assert DAYS[2] in closes(lake)


def test_symbols_that_are_missing_or_failed_keep_their_bars_and_actions(bring, lake, market):
    bring()
    before = lake.versions((BARS, CORPORATE_ACTIONS))
    market.actions["BBB", DAYS[3]] = (1.0, 9.0)
    for day in DAYS:
        del market.bars["AAA", day]
    market.failed = {"BBB"}
    result = bring()
    assert set(result.missing) == {"AAA"}
    assert result.failed == {"BBB": "timed out three times"}
    assert lake.versions((BARS, CORPORATE_ACTIONS)) == before


def test_an_action_is_restated_withdrawn_and_read_as_it_was_known(bring, lake, market, clock):
    bring()
    first = clock.now()
    market.actions["BBB", DAYS[3]] = (1.0, 0.5)
    assert bring().actions == Brought(fetched=1, changed=1)
    second = clock.now()
    del market.actions["BBB", DAYS[3]]
    assert bring().actions == Brought(withdrawn=1)
    assert live_actions(lake).num_rows == 0
    assert live_actions(lake, as_of=first)["dividend"].to_pylist() == [0.25]
    assert live_actions(lake, as_of=second)["dividend"].to_pylist() == [0.5]


def test_an_action_that_does_nothing_is_not_stored(bring, lake, market):
    market.actions["AAA", DAYS[3]] = (1.0, 0.0)
    bring()
    assert lake.read_versions(CORPORATE_ACTIONS)["symbol"].to_pylist() == ["BBB"]


def test_a_symbol_without_bars_in_the_range_still_brings_its_action(bring, lake, market):
    del market.bars["BBB", DAYS[3]]
    bring(first=DAYS[3], last=DAYS[3])
    assert live_actions(lake)["symbol"].to_pylist() == ["BBB"]


def test_what_a_source_says_at_the_same_instant_still_is_a_later_version(lake, market, clock):
    for close in (10.0, 11.0, 12.0):
        market.bars["AAA", DAYS[0]] = numbers(close)
        ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    rows = lake.read_versions(BARS, symbols=["AAA"], first=DAYS[0], last=DAYS[0])
    assert rows["close"].to_pylist() == [10.0, 11.0, 12.0]
    known = rows["known_at"].to_pylist()
    assert known == [NOON + timedelta(microseconds=step) for step in range(3)]


def test_refused_rows_are_those_that_the_source_sends_now(bring, lake, market):
    market.refused = [
        _refused("AAA", DAYS[0], "no_numbers"),
        _refused("AAA", DAYS[-1], "live_row"),
        _refused("BBB", None, "unreadable"),
    ]
    bring()
    known = lake.read(REFUSED_ROWS)
    assert set(known["source"].to_pylist()) == {"vendor"}
    market.refused = market.refused[:1]
    bring(first=DAYS[0], last=DAYS[3])
    rows = lake.read(REFUSED_ROWS)
    assert rows["reason"].to_pylist() == ["no_numbers", "live_row"], "the range ends before it"
    assert rows.equals(known.filter(pc.is_valid(known["session"]))), "known since the first time"


def test_a_second_source_is_stored_apart_and_given_to_the_gate(bring, lake, market, clock):
    second = quiet_market(clock, "other")
    second.bars["AAA", DAYS[1]] = numbers(99.0)
    second.failed = {"BBB"}
    result = bring(reference=second)
    assert result.reference == Brought(fetched=len(DAYS), new=len(DAYS))
    assert result.reference_failed == {"BBB": "timed out three times"}
    assert closes(lake)[DAYS[1]] == 11.0
    rows = lake.read(REFERENCE_BARS, first=DAYS[1], last=DAYS[1])
    assert rows["close"].to_pylist() == [99.0]
    assert "reference" in lake.read(FINDINGS)["rule"].to_pylist()


def test_two_reference_sources_do_not_restate_each_other(bring, lake, clock):
    for name in ("other", "third", "other", "third"):
        second = quiet_market(clock, name)
        second.bars["AAA", DAYS[1]] = numbers(99.0 + len(name))
        bring(reference=second)
    assert lake.version(REFERENCE_BARS) == 2


def test_findings_name_the_content_that_was_judged(bring, lake, market, clock):
    market.bars["AAA", DAYS[4]] = numbers(5_000.0)
    assert bring().quarantined == 1
    (finding,) = lake.read(FINDINGS).to_pylist()
    assert (finding["rule"], finding["severity"]) == ("spike", "error")
    assert finding["known_at"] == clock.now()
    market.bars["AAA", DAYS[4]] = numbers(6_000.0)
    bring()
    (other,) = lake.read(FINDINGS).to_pylist()
    assert other["bar_hash"] != finding["bar_hash"]
    market.bars["AAA", DAYS[4]] = numbers(14.0)
    assert bring().quarantined == 0
    assert lake.read(FINDINGS).num_rows == 0


def test_findings_of_symbols_not_asked_for_stay(bring, lake, market):
    market.bars["AAA", DAYS[4]] = numbers(5_000.0)
    bring()
    assert bring(("BBB",)).findings == {}
    assert lake.read(FINDINGS)["symbol"].to_pylist() == ["AAA"]


def test_the_gate_expects_bars_up_to_the_last_closed_session(bring, lake):
    asked = []

    def remember(bars, actions, *, calendar_last, **others):
        asked.append(calendar_last)
        return judge(bars, actions, calendar_last=calendar_last, **others)

    clock = FixedClock(NOON)
    for last in (date(2024, 1, 31), LAST, DAYS[2]):
        ingest(quiet_market(clock), lake, SYMBOLS, FIRST, last, clock=clock, judge=remember)
    # Noon of 15 January, a holiday: the session before it has closed, the one after has not.
    assert asked == [LAST, LAST, LAST]


def test_it_says_which_source_answered_for_how_many_bars(lake, market, clock):
    market.failed = {"BBB"}
    sources = FallbackMarket([market, quiet_market(clock, "other")])
    result = ingest(sources, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    assert result.source == "vendor, other"
    assert result.answered == {"other": len(DAYS), "vendor": len(DAYS)}


class Killed(BaseException):
    """The process is gone."""


def day_one(lake: Lake) -> None:
    ingest(quiet_market(), lake, SYMBOLS, FIRST, LAST, clock=FixedClock(NOON), judge=judge)


def day_two(lake: Lake) -> None:
    """Something new for every table."""
    clock = FixedClock(NOON + timedelta(days=1))
    market, second = quiet_market(clock), quiet_market(clock, "other")
    market.bars["AAA", DAYS[4]] = numbers(5_000.0)
    del market.bars["BBB", DAYS[5]]
    market.actions["AAA", DAYS[6]] = (2.0, 0.0)
    market.refused = [_refused("AAA", DAYS[7], "duplicate")]
    ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge, reference=second)


WRITES = (
    CORPORATE_ACTIONS,
    BARS,
    REFERENCE_BARS,
    REFUSED_ROWS,
    RETRIEVALS,
    FINDINGS,
    JUDGEMENTS,
)


@pytest.mark.parametrize("dies_at", WRITES, ids=lambda dataset: dataset.name)
@pytest.mark.parametrize("days", [(day_two,), (day_one, day_two)], ids=["new", "known"])
def test_an_ingest_killed_at_any_commit_is_repeated_to_the_same_tables(
    tmp_path, monkeypatch, dies_at, days
):
    whole, killed = Lake(str(tmp_path / "whole")), Lake(str(tmp_path / "killed"))
    for lake in (whole, killed):
        for day in days[:-1]:
            day(lake)
    day_two(whole)
    write, written = lake_module.write_deltalake, []

    def or_die(table, rows, **how):
        name = Path(table.table_uri).name
        if name == dies_at.name:
            raise Killed
        written.append(name)
        return write(table, rows, **how)

    monkeypatch.setattr(lake_module, "write_deltalake", or_die)
    with pytest.raises(Killed):
        day_two(killed)
    monkeypatch.undo()
    assert written == [dataset.name for dataset in WRITES[: WRITES.index(dies_at)]]
    day_two(killed)
    assert contents(killed) == contents(whole)
    assert contents(whole)["findings"]["rule"].to_pylist().count("spike") == 1


@pytest.mark.parametrize("after", [BARS, FINDINGS], ids=lambda dataset: dataset.name)
def test_a_process_that_gets_kill_9_leaves_what_the_next_one_completes(tmp_path, after):
    whole, killed = Lake(str(tmp_path / "whole")), Lake(str(tmp_path / "killed"))
    day_two(whole)
    script = f"""
import os, signal
from pathlib import Path
from stocker_pipeline.lake import lake as lake_module
from stocker_pipeline_tests.stages.test_ingest import day_two
write = lake_module.write_deltalake
def then_die(table, rows, **how):
    write(table, rows, **how)
    if Path(table.table_uri).name == {after.name!r}:
        os.kill(os.getpid(), signal.SIGKILL)
lake_module.write_deltalake = then_die
day_two(lake_module.Lake({killed.root!r}))
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -signal.SIGKILL
    day_two(killed)
    assert contents(killed) == contents(whole)


def test_two_ingests_that_race_do_not_write_a_version_twice(lake, market, clock, monkeypatch):
    ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    clock.advance(timedelta(hours=1))
    market.bars["AAA", DAYS[1]] = numbers(11.5)
    del market.bars["BBB", DAYS[2]]
    write, raced = lake_module.write_deltalake, []

    def overtaken(table, rows, **how):
        if not raced:
            raced.append(table)
            ingest(market, Lake(lake.root), SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
        return write(table, rows, **how)

    monkeypatch.setattr(lake_module, "write_deltalake", overtaken)
    result = ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    assert raced
    assert lake.read_versions(BARS).num_rows == BOTH + 2
    assert lake.version(BARS) == 2
    assert result.bars == Brought(fetched=BOTH - 1)


def _refused(symbol: str, day: date | None, reason: str) -> dict:
    return {"symbol": symbol, "session": day, "reason": reason, "evidence": f"a row: {reason}"}
