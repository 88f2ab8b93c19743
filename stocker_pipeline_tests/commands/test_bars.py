"""``stocker bars``: what a person reads, what a program reads, and commands that do as they say."""

import json
import shlex
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stocker_pipeline.commands import bars as commands
from stocker_pipeline.commands.answers import questions
from stocker_pipeline.commands.bars import bars_app
from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import DATASETS, REFUSED_ROWS, VERDICTS
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline.stages.review import open_findings
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    FIRST,
    LAST,
    NOON,
    ScriptedMarket,
    numbers,
    quiet_market,
)

SYMBOLS = ("AAA", "BBB")
BROKEN, SPIKE, RESTATED, GONE = DAYS[2], DAYS[5], DAYS[3], DAYS[4]
LATER = NOON + timedelta(hours=1)


def _calm(clock: FixedClock, name: str) -> ScriptedMarket:
    """AAA at 100 and BBB at 50, a few cents up every day: nothing that the gate minds."""
    market = quiet_market(clock, name)
    for symbol, start in (("AAA", 100.0), ("BBB", 50.0)):
        for step, day in enumerate(DAYS):
            close = start + 0.05 * step
            market.bars[symbol, day] = numbers(close, high=close + 0.1, low=close - 0.1)
    return market


@pytest.fixture(scope="module")
def ingested(tmp_path_factory) -> Path:
    """A bar that cannot be, a spike, a restated and a withdrawn bar, and a second source."""
    home = tmp_path_factory.mktemp("home")
    clock, lake = FixedClock(NOON), Lake(str(home / "lake"))
    market, second = _calm(clock, "vendor"), _calm(clock, "second")
    market.bars["AAA", BROKEN]["high"] = 4.0
    market.bars["AAA", SPIKE] |= {"high": 9_000.0, "close": 9_000.0}
    market.actions["AAA", DAYS[1]] = (2.0, 0.0)
    for at in (NOON, LATER):
        clock.advance(at - clock.now())
        ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, reference=second)
        market.bars["AAA", BROKEN]["high"] = 4.5
        market.bars["BBB", RESTATED] |= {"close": 50.21, "high": 50.26}
        market.bars.pop(("BBB", GONE), None)
        market.bars["AAA", SPIKE] |= {"high": 9_001.0, "close": 9_001.0}
    return home


@pytest.fixture
def lake(ingested: Path, tmp_path: Path, monkeypatch) -> Lake:
    """A copy of it, where the commands look."""
    shutil.copytree(ingested, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("STOCKER_HOME", str(tmp_path))
    monkeypatch.delenv("STOCKER_LAKE_URI", raising=False)
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def say(lake):
    """Run ``stocker bars`` in this process; a refusal is raised."""

    def command(*arguments: object) -> str:
        result = CliRunner().invoke(bars_app, [str(part) for part in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return command


@pytest.fixture
def ask(say):
    """The same with ``--json``, parsed."""
    return lambda *arguments: json.loads(say(*arguments, "--json"))


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_show_lists_what_the_source_sends_that_is_neither_bar_nor_action(lake, say, ask):
    text = "spin_offs, neither a split nor a dividend: new_symbol NEW, source_symbol AAA"
    row = {"symbol": "AAA", "session": DAYS[5], "reason": "unreadable", "evidence": text}
    rows = [row | {"source": "vendor", "known_at": NOON}, row | {"symbol": "BBB"}]
    lake.replace(REFUSED_ROWS, pa.Table.from_pylist(rows, schema=REFUSED_ROWS.schema))
    expected = f"{DAYS[5]} unreadable {text} vendor 2024-01-15 12:00:00"
    assert expected in _lines(say("show", "AAA"))
    assert expected not in _lines(say("show", "AAA", "--from", DAYS[6]))
    (refused,) = ask("show", "AAA")["refused"]
    assert refused["evidence"] == text
    assert ask("show", "AAA", "--as-of", "2024-01-15T11:00:00Z")["refused"] == []


def test_show_tells_every_bar_with_its_state_and_ends_with_a_count(say):
    lines = _lines(say("show", "AAA"))
    assert (
        f"{BROKEN} 100.10 4.50 100.00 100.10 1,000 100.10 quarantined 2 vendor 2024-01-15 13:00:00"
        in lines
    )
    assert f"{DAYS[1]} 2 new for 1 old – vendor 2024-01-15 12:00:00" in lines
    assert any(line.startswith(f"{BROKEN} high_below_low error quarantined high") for line in lines)
    assert lines[-1] == f"9 of 9 bars, {FIRST} to {LAST}: 7 seen, 2 quarantined"


def test_show_answers_programs_with_nulls_and_iso_dates(ask):
    answer = ask("show", "BBB")
    bars = {row["session"]: row for row in answer["bars"]}
    assert (answer["symbol"], answer["bars_known"], answer["as_of"]) == ("BBB", 9, None)
    gone = bars[str(GONE)]
    assert (gone["state"], gone["versions"], gone["close"]) == ("withdrawn", 2, None)
    assert gone["known_at"] == LATER.isoformat()
    assert answer["actions"][0]["dividend"] == 0.25
    assert answer["chart"] is None


def test_a_range_and_a_moment_choose_what_is_shown(say, ask):
    answer = ask("show", "BBB", "--from", RESTATED, "--to", GONE, "--as-of", NOON.isoformat())
    assert [row["session"] for row in answer["bars"]] == [str(RESTATED), str(GONE)]
    assert [row["state"] for row in answer["bars"]] == ["seen", "seen"]
    assert answer["bars"][0]["close"] == 50.15
    now = ask("show", "BBB", "--from", RESTATED, "--to", GONE)
    assert (now["bars"][0]["close"], now["bars"][1]["state"]) == (50.21, "withdrawn")
    before = say("show", "BBB", "--as-of", "2024-01-15T06:59:59-05:00")
    assert before == "No bar of BBB was known, as of 2024-01-15 11:59:59 UTC.\n"


def test_without_a_range_the_last_twenty_sessions_known_are_shown(ask, monkeypatch):
    monkeypatch.setattr(commands, "_SESSIONS_SHOWN", 3)
    answer = ask("show", "AAA")
    assert [row["session"] for row in answer["bars"]] == [str(day) for day in DAYS[-3:]]
    assert answer["bars_known"] == 9
    until = ask("show", "AAA", "--to", DAYS[4])
    assert [row["session"] for row in until["bars"]] == [str(day) for day in DAYS[2:5]]


def test_the_chart_is_written_where_reports_are_and_draws_more_than_is_listed(
    ask, say, tmp_path, monkeypatch
):
    monkeypatch.setattr(commands, "_SESSIONS_SHOWN", 3)
    page = tmp_path / "reports" / "bars" / "AAA.html"
    assert ask("show", "AAA", "--chart")["chart"] == str(page)
    assert f"{FIRST} to {LAST} · 9 sessions" in page.read_text()
    assert [path.name for path in page.parent.iterdir()] == ["AAA.html"]
    assert say("show", "AAA", "--chart").splitlines()[-1] == f"chart  {page}"


def test_review_lists_what_is_left_out_and_counts_the_rest(say):
    lines = _lines(say("review"))
    assert f"AAA {BROKEN} left out of trading" in lines
    assert "high_below_low, error, quarantined: high 4.50 with low 100.00" in lines
    assert "bound: a high at or above the low (relative tolerance 1e-06)" in lines
    assert not any("short_history" in line for line in lines)
    (summary,) = [line for line in lines if line.startswith("2 quarantined bars open;")]
    assert summary.endswith("flagged findings open (--all shows them).")


def test_review_of_everything_has_a_flagged_bar_too(ask, say):
    rules = {row["rule"] for entry in ask("review", "--all")["open"] for row in entry["findings"]}
    assert {"high_below_low", "short_history", "missing_session"} <= rules
    assert "nothing to decide on: there is no bar" in say("review", "BBB", "--all")
    assert {entry["symbol"] for entry in ask("review", "BBB", "--all")["open"]} == {"BBB"}


def _commands(ask, day) -> dict[str, list[str]]:
    """First words of the commands about AAA → the commands, each without ``stocker bars``."""
    (entry,) = [row for row in ask("review", "AAA")["open"] if row["session"] == str(day)]
    found: dict[str, list[str]] = {}
    for answer in entry["answers"]:
        program, group, verdict, *rest = shlex.split(answer["command"])
        assert (program, group, rest[-1]) == ("stocker", "bars", "--reason")
        found.setdefault(verdict, []).append([verdict, *rest])
    return found


def test_a_bar_that_cannot_be_is_not_offered_for_acceptance(ask):
    assert set(_commands(ask, BROKEN)) == {"replace", "hold"}
    assert set(_commands(ask, SPIKE)) == {"accept", "replace", "hold"}


def test_every_command_of_the_review_can_be_given_and_answers_it(ask, lake):
    closes = []
    for day in (BROKEN, SPIKE):
        answers = [command for kind in _commands(ask, day).values() for command in kind]
        for command in answers:
            told = ask(*command, "looked it up", "--author", "ann")
            assert told["verdict"]["verdict"] == command[0]
            assert str(day) not in [row["session"] for row in told["open"]]
            rows = current_bars(lake, ["AAA"]).bars.to_pylist()
            closes.append(next((row["close"] for row in rows if row["session"] == day), None))
    # The second source, hold; then accept, the first version, the second source, hold.
    assert closes == [100.1, None, 9_001.0, 9_000.0, 100.25, None]


def test_a_source_that_has_the_bar_twice_is_given_by_its_numbers(tmp_path):
    clock, lake = FixedClock(NOON), Lake(str(tmp_path / "lake"))
    market, second = _calm(clock, "second"), _calm(clock, "second")
    second.bars["AAA", SPIKE] |= {"close": 100.26, "volume": None}
    for close in (9_000.0, 9_001.0):
        market.bars["AAA", SPIKE] |= {"high": close, "close": close}
        clock.advance(timedelta(hours=1))
        ingest(market, lake, ["AAA"], FIRST, LAST, clock=clock)
    ingest(market, lake, ["AAA"], FIRST, LAST, clock=clock, reference=second)
    (asked,) = [row for row in questions(lake, open_findings(lake)) if row.session == SPIKE]
    told = [answer.command.split(f"{SPIKE} ")[1] for answer in asked.answers]
    assert told == [
        "--reason",
        "--version 2024-01-15T13:00:00+00:00 --reason",
        "--open 100.25 --high 100.35 --low 100.15 --close 100.26 --adj-close 100.25 --reason",
        "--reason",
    ]


def test_a_verdict_is_told_with_its_author_and_what_is_still_open(say, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    lines = _lines(say("accept", "AAA", SPIKE, "--reason", "the [exchange] says so"))
    assert lines[0] == f"AAA {SPIKE} is right: it is traded on as it is."
    assert lines[1].startswith("operator, ") and lines[1].endswith("UTC: the [exchange] says so")
    assert any(line.startswith(f"{BROKEN} high_below_low") for line in lines)
    assert "stocker bars review AAA" in lines[-1]
    (held, *_) = _lines(say("hold", "AAA", BROKEN, "--reason", "wait"))
    assert held == f"AAA {BROKEN} is left out until another verdict."


def test_a_verdict_given_twice_is_told_as_it_stands(ask, lake):
    first = ask("hold", "AAA", SPIKE, "--reason", "wait", "--author", "ann")["verdict"]
    assert ask("hold", "AAA", SPIKE, "--reason", "wait", "--author", "ann")["verdict"] == first
    assert lake.read_versions(VERDICTS).num_rows == 1


def test_numbers_given_replace_those_and_no_others(ask, say):
    told = ask("replace", "AAA", BROKEN, "--high", 100.2, "--volume", 7, "--reason", "typed")
    verdict = told["verdict"]
    assert verdict["replacement_source"] == "by hand"
    assert {name: verdict[f"replacement_{name}"] for name in ("high", "low", "volume")} == {
        "high": 100.2,
        "low": 100.0,
        "volume": 7.0,
    }
    text = say("replace", "AAA", SPIKE, "--source", "second", "--reason", "theirs")
    assert "close 100.25" in text and "second" in text


REFUSED: list[tuple[tuple[Any, ...], str]] = [
    (("show", "NONE"), "a symbol that the lake has: AAA, BBB; received NONE"),
    (("review", "AAA", "APPL"), "received APPL"),
    (("revisions", "NONE"), "received NONE"),
    (("compare", "NONE"), "received NONE"),
    (("show", "AAA", "--from", "2024-1-2"), "--from: wanted a date as YYYY-MM-DD"),
    (("show", "AAA", "--from", DAYS[3], "--to", DAYS[2]), "a first session that is not after"),
    (("show", "AAA", "--as-of", "2024-01-15T12:00:00"), "an instant with its time zone"),
    (("show", "AAA", "--as-of", "yesterday"), "an instant with its time zone"),
    (("show", "AAA", "--as-of", "0001-01-01T00:00:00+14:00"), "an instant with its time zone"),
    (("compare", "--tolerance-bps", "-1"), "a finite tolerance"),
    (("compare", "--tolerance-bps", "nan"), "a finite tolerance"),
    (("accept", "AAA", "soon", "--reason", "x"), "a date as YYYY-MM-DD"),
    (("accept", "AAA", SPIKE, "--reason", " "), "the reason of the verdict"),
    (("hold", "AAA", SPIKE, "--reason", "x", "--author", ""), "the author of the verdict"),
    (("hold", "NONE", SPIKE, "--reason", "x"), "a bar that the lake has"),
    (("replace", "AAA", SPIKE, "--reason", "x"), "received none of them"),
    (
        ("replace", "AAA", SPIKE, "--reason", "x", "--source", "second", "--close", "1"),
        "received more than one of them",
    ),
    (("replace", "AAA", SPIKE, "--reason", "x", "--version", "1"), "an instant with its time"),
    (("replace", "AAA", SPIKE, "--reason", "x", "--close", "nan"), "a finite number as close"),
]


@pytest.mark.parametrize(
    ("arguments", "told"), REFUSED, ids=[f"{row[0][0]}-{row[1][-24:]}" for row in REFUSED]
)
def test_a_refusal_explains_itself_and_changes_nothing(lake, say, arguments, told):
    versions = lake.versions(DATASETS)
    with pytest.raises(InputRefused) as refused:
        say(*arguments)
    assert told in str(refused.value)
    assert lake.versions(DATASETS) == versions


def test_an_operating_system_without_a_name_asks_for_the_author(say, monkeypatch):
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nobody)
    with pytest.raises(InputRefused, match="Give --author"):
        say("hold", "AAA", SPIKE, "--reason", "x")


def test_revisions_tell_each_number_before_and_after(say, ask):
    lines = _lines(say("revisions", "BBB"))
    assert f"BBB {RESTATED} close 50.15 50.21 +0.12% vendor 2024-01-15 13:00:00" in lines
    assert f"BBB {GONE} volume 1,000 – gone vendor 2024-01-15 13:00:00" in lines
    assert lines[-1].startswith("8 numbers of 2 bars restated: ")
    rows = ask("revisions", "BBB", "--from", RESTATED, "--to", RESTATED)
    assert [(row["field"], row["before"], row["after"]) for row in rows] == [
        ("high", 50.25, 50.26),
        ("close", 50.15, 50.21),
    ]


def test_vendors_are_compared_in_basis_points_and_their_bars_counted(say, ask):
    lines = _lines(say("compare", "BBB", "--tolerance-bps", 5))
    assert f"BBB {RESTATED} close 50.21 50.15 -11.9 vendor / second" in lines
    assert f"BBB {GONE} open – 50.20 no bar none / second" in lines
    assert lines[-2].startswith("5 numbers of 2 bars different by more than 5 bps")
    assert lines[-1] == "9 reference bars compared."
    assert [row["field"] for row in ask("compare", "BBB", "--to", RESTATED)] == ["high", "close"]


def test_without_a_reference_source_there_is_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.setenv("STOCKER_HOME", str(tmp_path))
    result = CliRunner().invoke(bars_app, ["compare"])
    assert "Nothing to compare with" in result.stdout
    assert "STOCKER_REFERENCE_PROVIDER" in result.stdout


def test_a_lake_without_bars_has_nothing_open(tmp_path, monkeypatch):
    monkeypatch.setenv("STOCKER_HOME", str(tmp_path))
    result = CliRunner().invoke(bars_app, ["review"])
    assert (result.exit_code, result.stdout) == (0, "0 quarantined bars open.\n")
    with pytest.raises(InputRefused, match="there is none yet"):
        CliRunner().invoke(bars_app, ["show", "AAA"], catch_exceptions=False)


def test_long_answers_are_cut_with_a_count_and_whole_as_json(say, ask, monkeypatch):
    monkeypatch.setattr("stocker_pipeline.commands.bars_output.ROWS_PRINTED", 1)
    assert "… 10 more rows of 11; name symbols" in say("revisions")
    assert len(ask("revisions")) == 11
    assert "… 1 more bar of 2; name symbols" in say("review")
    assert len(ask("review")["open"]) == 2


def test_export_writes_what_strategies_see(say, tmp_path):
    bars, actions = tmp_path / "bars.parquet", tmp_path / "actions.parquet"
    told = say("export", "--bars", bars, "--actions", actions)
    assert told.splitlines() == [
        f"15 rows in {bars}",
        f"2 rows in {actions}",
        "2 bars left out: quarantined or held",
    ]
    assert pq.read_table(bars).column_names[-1] == "adj_close"


def test_asking_for_help_loads_no_table_library():
    code = (
        "import sys, stocker_pipeline.commands.bars;"
        "print([n for n in ('pyarrow', 'numpy', 'deltalake', 'plotly', 'pydantic', 'dagster')"
        " if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
