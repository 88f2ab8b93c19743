"""The marts of data quality, built by dbt over a lake that an ingest and a person wrote."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import INSTRUMENTS
from stocker_pipeline.quality.findings import OTHER_SECURITY
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline.stages.review import decide, open_findings
from stocker_pipeline_tests.conftest import REPOSITORY
from stocker_pipeline_tests.stages import fake_gate
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    NOON,
    numbers,
    quiet_market,
)

PROJECT = REPOSITORY / "dbt_project"
MARTS = {path.stem for path in (PROJECT / "models" / "marts").glob("*.sql")}
OF_BARS = (
    *("dim_symbols", "fct_bar_findings", "fct_bar_revisions", "fct_breadth", "fct_data_quality"),
    *("fct_data_quality_daily", "fct_source_answers", "fct_vendor_differences"),
)
SYMBOLS = ("AAA", "BBB")
HOUR = timedelta(hours=1)

Build = Callable[..., "Warehouse"]


class Warehouse:
    """What a build left behind."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._path = path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self._path, read_only=True) as connection:
            return connection.sql(query).fetchall()


@pytest.fixture(scope="module")
def build(dbt) -> Build:
    """Make every table of a lake, and run dbt over it as the asset does, or fail with its words."""

    def run(lake: Lake, *arguments: str) -> Warehouse:
        lake.ensure_tables()
        home = Path(lake.root).parent
        target = dbt(home, "build", *arguments)
        manifest = json.loads((target / "manifest.json").read_text())
        return Warehouse(home / "warehouse.duckdb", manifest)

    return run


@pytest.fixture(scope="module")
def without_rows(build, tmp_path_factory) -> Warehouse:
    """Built over tables that have no rows; unit tests ran too, as nothing excludes them here."""
    return build(Lake(str(tmp_path_factory.mktemp("nothing") / "lake")))


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Lake:
    """Two ingests a day apart, a second source, and a verdict of each kind."""
    made = Lake(str(tmp_path_factory.mktemp("market") / "lake"))
    clock = FixedClock(NOON)
    market, second = quiet_market(clock), quiet_market(clock, "second")
    for day in (DAYS[1], DAYS[2], DAYS[4], DAYS[6]):
        market.bars["AAA", day] = numbers(5_000.0)
    market.bars["BBB", DAYS[5]] = numbers(55.0, volume=0.0)
    del market.bars["BBB", DAYS[7]]
    refused = {"symbol": "BBB", "session": DAYS[7], "reason": "no_numbers", "evidence": "a row"}
    market.refused = [refused]
    how: dict[str, Any] = {"clock": clock, "judge": judge, "reference": second}
    ingest(market, made, SYMBOLS, FIRST, LAST, **how)
    clock.advance(HOUR)
    by: dict[str, Any] = {"author": "ann", "reason": "looked", "clock": clock, "judge": judge}
    decide(made, "AAA", DAYS[1], "accept", **by)
    decide(made, "AAA", DAYS[2], "accept", **by)
    decide(made, "AAA", DAYS[4], "replace", **by, replacement=numbers(4_000.0))
    decide(made, "BBB", DAYS[4], "hold", **by)
    clock.advance(24 * HOUR)
    market.bars["AAA", DAYS[2]] = numbers(6_000.0)
    market.bars["BBB", DAYS[3]] = numbers(53.0, adj_close=52.5)
    del market.bars["BBB", DAYS[0]]
    ingest(market, made, SYMBOLS, FIRST, LAST, **how)
    row = {"symbol": "AAA", "name": "A Company", "source": "file", "known_at": NOON}
    made.append(INSTRUMENTS, pa.Table.from_pylist([row], schema=INSTRUMENTS.schema), at=NOON)
    return made


@pytest.fixture(scope="module")
def warehouse(build, lake) -> Warehouse:
    # Of books there are none here; that their models stand without rows is shown above.
    marts = [f"+{name}" for name in OF_BARS]
    return build(lake, "--exclude-resource-type", "unit_test", "--select", *marts)


def judge(bars: pa.Table, actions: pa.Table, *, reference=None, **others) -> pa.Table:
    """The fake gate, which doubts besides that BBB was BBB before the third session."""
    found = fake_gate.judge(bars, actions, **others).to_pylist()
    doubt = {"rule": OTHER_SECURITY, "severity": "error", "evidence": "a hole", "threshold": "none"}
    found.append({"symbol": "BBB", "session": DAYS[2], "treatment": "flagged", **doubt})
    return pa.Table.from_pylist(found, schema=fake_gate.FOUND)


def test_every_mart_is_there_and_empty_over_a_lake_without_rows(without_rows):
    counts = {name: without_rows.rows(f"select count(*) from {name}") for name in MARTS}
    assert counts == {name: [(0,)] for name in MARTS}


def test_every_column_is_described_and_nothing_else(without_rows):
    there = without_rows.rows(
        "select table_name, list(column_name order by column_name) from duckdb_columns() "
        "where schema_name = 'main' group by table_name"
    )
    nodes = without_rows.manifest["nodes"].values()
    described = {
        node["name"]: sorted(name for name, text in node["columns"].items() if text["description"])
        for node in nodes
        if node["resource_type"] == "model" and node["description"]
    }
    assert described == {name: columns for name, columns in there if name in described}
    assert described.keys() >= MARTS


def test_bars_are_left_out_on_the_sessions_on_which_a_strategy_does_not_see_them(warehouse, lake):
    excluded = Counter(current_bars(lake, judge=judge).excluded["session"].to_pylist())
    assert sum(excluded.values()) == 4
    counted = warehouse.rows("select session, left_out_count from fct_data_quality_daily")
    assert {session: count for session, count in counted if count} == excluded


def test_open_findings_are_those_a_person_is_asked_about(warehouse, lake):
    rows = open_findings(lake, judge=judge).to_pylist()
    expected = [(row["symbol"], row["session"], row["rule"]) for row in rows]
    found = warehouse.rows(
        "select symbol, session, rule from fct_bar_findings where state = 'open'"
    )
    assert sorted(found) == sorted(expected)


def test_each_finding_has_the_verdict_that_answers_it(warehouse):
    found = warehouse.rows(
        "select session, state, verdict_author, has_outdated_verdict from fct_bar_findings "
        "where rule = 'spike' order by session"
    )
    assert found == [
        (DAYS[1], "accepted", "ann", False),
        (DAYS[2], "open", None, True),
        (DAYS[4], "replaced", "ann", False),
        (DAYS[6], "open", None, False),
    ]


def test_a_rule_is_counted_by_session_and_by_what_became_of_it(warehouse):
    counted = warehouse.rows(
        "select session, findings_count, quarantined_count, open_count, accepted_count, "
        "replaced_count from fct_data_quality where rule = 'spike' order by session"
    )
    assert counted == [
        (DAYS[1], 1, 1, 0, 1, 0),
        (DAYS[2], 1, 1, 1, 0, 0),
        (DAYS[4], 1, 1, 0, 0, 1),
        (DAYS[6], 1, 1, 1, 0, 0),
    ]


def test_a_session_says_when_it_was_judged_and_what_was_refused(warehouse, lake):
    rows = warehouse.rows(
        "select session, refused_rows_count from fct_data_quality_daily "
        "where judged_at is not null and refused_rows_count > 0"
    )
    assert rows == [(DAYS[7], 1)]
    (judged,) = warehouse.rows(
        "select count(*), count(judged_at), epoch(min(judged_at)) from fct_data_quality_daily"
    )
    assert judged == (len(DAYS), len(DAYS), NOON.timestamp())


def test_the_last_answer_about_each_symbol_is_there(warehouse):
    rows = warehouse.rows(
        "select symbol, source, role, outcome, bars_count, refused_rows_count, len(source_hash) "
        "from fct_source_answers order by symbol, role"
    )
    assert rows == [
        ("AAA", "vendor", "provider", "bars", 9, 0, 64),
        ("AAA", "second", "reference", "bars", 9, 0, 64),
        ("BBB", "vendor", "provider", "bars", 7, 1, 64),
        ("BBB", "second", "reference", "bars", 9, 0, 64),
    ]


def test_revisions_show_what_the_source_said_otherwise_the_second_time(warehouse):
    prices = ("open", "high", "low", "close", "adj_close")
    restated = dict.fromkeys(prices, ("restated", 5_000.0, 6_000.0))
    assert of_fields(warehouse, "AAA", DAYS[2]) == restated
    assert of_fields(warehouse, "BBB", DAYS[3]) == {"adj_close": ("adjusted", 53.0, 52.5)}
    gone = of_fields(warehouse, "BBB", DAYS[0])
    assert gone["close"] == ("withdrawn", 50.0, None)
    assert gone["volume"] == ("withdrawn", 1_000.0, None)
    bars = warehouse.rows("select distinct symbol, session from fct_bar_revisions")
    assert sorted(bars) == [("AAA", DAYS[2]), ("BBB", DAYS[0]), ("BBB", DAYS[3])]
    known = warehouse.rows("select session, revisions_known_count from fct_data_quality_daily")
    assert [(session, count) for session, count in known if count] == [(DAYS[-1], 3)]


def of_fields(warehouse: Warehouse, symbol: str, session: date) -> dict[str, tuple[Any, ...]]:
    rows = warehouse.rows(
        "select field, kind, previous_value, value from fct_bar_revisions "
        f"where symbol = '{symbol}' and session = date '{session}'"
    )
    return {field: tuple(rest) for field, *rest in rows}


def test_only_bars_on_which_the_second_source_differs_are_beyond_tolerance(warehouse):
    rows = warehouse.rows(
        "select session, round(close_difference_bps) from fct_vendor_differences "
        "where is_beyond_tolerance and symbol = 'AAA' order by session"
    )
    second = {day: 10.0 + step for step, day in enumerate(DAYS)}
    spikes = {DAYS[1]: 5_000.0, DAYS[2]: 6_000.0, DAYS[4]: 5_000.0, DAYS[6]: 5_000.0}
    assert rows == [
        (day, round((close / second[day] - 1) * 10_000)) for day, close in spikes.items()
    ]


def test_symbols_say_how_much_of_them_is_there(warehouse):
    rows = warehouse.rows(
        "select symbol, name, first_session, bars_count, sessions_count, sources, dividends_count "
        "from dim_symbols order by symbol"
    )
    assert rows == [
        ("AAA", "A Company", DAYS[0], 9, 9, "vendor", 0),
        ("BBB", None, DAYS[1], 7, 8, "vendor", 1),
    ]
