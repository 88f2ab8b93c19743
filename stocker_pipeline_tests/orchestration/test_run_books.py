"""A Dagster run of a backtest as a book: the versions that it wrote, and what it changed."""

from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BOOK_DATASETS, SNAPSHOTS
from stocker_pipeline.orchestration import run_books
from stocker_pipeline.orchestration.portfolio_component import portfolio_definitions
from stocker_pipeline.orchestration.resources import LakeResource, OverridesResource
from stocker_pipeline.orchestration.run_books import BacktestRun, run_book, run_history
from stocker_pipeline.orchestration.runs import portfolio_assets, run_assets
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline_tests.stages.market_day import (
    FIRST,
    LAST,
    SYMBOLS,
    TwoSymbolMarket,
    small_portfolio,
)

pytestmark = pytest.mark.usefixtures("home")

NAME, END = "trend_backtest", date(2020, 1, 31)


def definitions_over(lake: Lake) -> dg.Definitions:
    return dg.Definitions.merge(
        portfolio_definitions(NAME, small_portfolio()),
        dg.Definitions(
            resources={"lake": LakeResource(root=lake.root), "overrides": OverridesResource()},
            executor=dg.in_process_executor,
        ),
    )


def test_a_run_is_found_again_by_its_id_and_another_one_is_refused(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    ingest(TwoSymbolMarket(), lake, SYMBOLS, FIRST, LAST)
    definitions = definitions_over(lake)
    with dg.DagsterInstance.ephemeral() as instance:

        def run(*assets: dg.AssetKey, **overrides: object) -> str:
            outcome = run_assets(
                definitions, instance, assets, sessions=(FIRST, END), overrides=overrides
            )
            assert outcome.success, outcome.error
            return outcome.run_id

        chain = portfolio_assets(NAME)
        first = run(*chain, parameters={"buffer": 0.3}, initial_capital=50_000.0)
        versions = lake.versions(BOOK_DATASETS)
        again = run(*chain, restart=True)
        found = run_book(instance, first)
        assert found.versions == versions
        assert run_book(instance, again).versions == lake.versions(BOOK_DATASETS) != versions
        assert (found.name, found.label) == (NAME, f"{NAME} {first[:8]}")
        assert found.overrides == {"buffer": 0.3, "initial_capital": 50_000.0}
        assert found.portfolio.parameters.buffer == 0.3
        assert found.portfolio.initial_capital == 50_000.0
        assert run_book(instance, again).overrides == {}
        with pytest.raises(InputRefused, match="the books of none"):
            run_book(instance, run(chain[0]))
        with pytest.raises(InputRefused, match="no such run"):
            run_book(instance, "948d1483-3fc0-4d06-a75c-bbbec333d882")
        assert run_book(instance, first[:8]).versions == versions
        with pytest.raises(InputRefused, match="no such run"):
            run_book(instance, "948d1483")
        history = run_history(instance)
        assert [(run.run_id, run.status) for run in history] == [
            (again, "SUCCESS"),
            (first, "SUCCESS"),
        ], "the newest first, and signals alone are no backtest"
        last = lake.read(SNAPSHOTS, portfolio=NAME).to_pylist()[-1]
        assert history[0].nav_usd == pytest.approx(float(last["nav"]))
        assert history[0].drawdown == last["drawdown"]
        assert (history[1].first, history[1].last) == (str(FIRST), str(END))
        assert history[1].overrides == {"parameters": {"buffer": 0.3}, "initial_capital": 50_000.0}
        assert history[0].overrides == {"restart": True}
        assert [run.run_id for run in run_history(instance, limit=1)] == [again]
        assert run_history(instance, "buy_and_hold_backtest") == []


def test_a_run_that_failed_is_listed_without_a_value(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    definitions = definitions_over(lake)
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = run_assets(
            definitions, instance, portfolio_assets(NAME), sessions=(FIRST, END), overrides={}
        )
        assert not outcome.success
        (found,) = run_history(instance)
    assert (found.status, found.nav_usd, found.drawdown) == ("FAILURE", None, None)


def test_the_beginning_of_two_ids_is_refused_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    two = [BacktestRun(f"12345678-{n}", NAME, "SUCCESS", now, "a", "b") for n in (1, 2)]
    monkeypatch.setattr(run_books, "_backtest_runs", lambda _: iter(two))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(InputRefused, match="2 runs begin so: 12345678-1, 12345678-2"),
    ):
        run_book(instance, "12345678")
