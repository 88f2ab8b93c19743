"""A Dagster run of a backtest as a book: the versions that it wrote, and what it changed."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BOOK_DATASETS
from stocker_pipeline.orchestration.portfolio_component import portfolio_definitions
from stocker_pipeline.orchestration.resources import LakeResource, OverridesResource
from stocker_pipeline.orchestration.run_books import run_book
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


def test_a_run_is_found_again_by_its_id_and_another_one_is_refused(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    ingest(TwoSymbolMarket(), lake, SYMBOLS, FIRST, LAST)
    definitions = dg.Definitions.merge(
        portfolio_definitions(NAME, small_portfolio()),
        dg.Definitions(
            resources={"lake": LakeResource(root=lake.root), "overrides": OverridesResource()},
            executor=dg.in_process_executor,
        ),
    )
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
