"""``stocker universe review``: what a person reads, what a program reads, and what is refused."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stocker_pipeline.cli import app
from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.portfolios import portfolio_names
from stocker_pipeline_tests.stages.scripted_market import FIRST, LAST, NOON, quiet_market


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("STOCKER_HOME", str(tmp_path))
    monkeypatch.delenv("STOCKER_LAKE_URI", raising=False)
    market = quiet_market(FixedClock(NOON))
    ingest(market, Lake(str(tmp_path / "lake")), market.symbols(), FIRST, LAST)
    path = tmp_path / "mine.yaml"
    path.write_text("strategy: trend\nuniverse: [AAA, BBB]\n")
    return path


def asked(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["universe", "review", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_session_after_the_newest_bar_is_reviewed_where_none_is_named(home):
    head, *lines = asked(str(home)).splitlines()
    assert "on 2024-01-16: 2 members of 2 symbols; compared with 2023-12-01" in head
    assert re.search(r"fewer bars than the strategy needs.*AAA \(9 bars\)", "\n".join(lines))


def test_a_program_gets_every_symbol_and_number_as_one_document(home):
    (review,) = json.loads(asked(str(home), "--session", "2024-01-10", "--json"))
    assert (review["session"], review["members"]) == ("2024-01-10", 2)
    aaa, _ = review["symbols"]
    assert (aaa["symbol"], aaa["bars"], aaa["price_usd"]) == ("AAA", 6, 15.0)
    assert "history_too_short" in aaa["notes"]


def test_all_portfolios_are_reviewed_in_one_go(home):
    found = json.loads(asked("all", "--json"))
    assert [review["portfolio"] for review in found] == portfolio_names()


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["nobody"], ConfigurationRefused, "a portfolio"),
        (["all", "--session", "2024-01-06"], InputRefused, "Saturday"),
        (["all", "--session", "January"], InputRefused, "YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_reviewed_is_refused(home, arguments, kind, words):
    with pytest.raises(kind, match=words):
        asked(*arguments)
