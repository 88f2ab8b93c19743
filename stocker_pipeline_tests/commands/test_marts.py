"""``stocker marts``: every model as one run, and where the warehouse is afterwards."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocker_pipeline.commands import marts
from stocker_pipeline.orchestration import runs
from stocker_pipeline.orchestration.runs import WAREHOUSE_GROUP, RunOutcome

DONE = RunOutcome("4711", success=True)
FAILED = RunOutcome("4712", success=False, error="nav_adds_up found 1 row", exit_code=1)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[RunOutcome]:
    """How the run will end; dbt is not asked, it talks on standard output all the same."""
    how = [DONE]

    @contextmanager
    def opened(_: object) -> Iterator[tuple[dg.Definitions, None]]:
        model = dg.AssetSpec("fct_trades", group_name=WAREHOUSE_GROUP)
        made = dg.multi_asset(name="made", specs=[model, dg.AssetSpec("raw_bars")])(lambda: None)
        yield dg.Definitions(assets=[made]), None

    def run(_: Any, __: Any, assets: Sequence[dg.AssetKey], **named: Any) -> RunOutcome:
        assert [key.to_user_string() for key in assets] == ["fct_trades"]
        assert named == {"sessions": None}
        print("1 of 66 OK created sql view model")
        return how[-1]

    monkeypatch.setattr(marts, "opened", opened)
    monkeypatch.setattr(runs, "run_assets", run)
    return how


def test_all_models_and_nothing_else_are_built_and_the_file_is_named(
    stocker, home: Path, ended: list[RunOutcome]
) -> None:
    code, text, _ = stocker("marts")
    assert code == 0
    assert "run 4711 succeeded" in text
    assert "warehouse.duckdb" in text
    assert "sql view model" not in text


def test_a_program_gets_one_document(stocker, home: Path, ended: list[RunOutcome]) -> None:
    code, text, _ = stocker("marts", "--json")
    assert code == 0
    assert json.loads(text) == {
        "run_id": "4711",
        "success": True,
        "warehouse": str(home / "warehouse.duckdb"),
    }


def test_a_sum_that_does_not_hold_is_a_failed_run(stocker, ended: list[RunOutcome]) -> None:
    ended.append(FAILED)
    code, text, error = stocker("marts")
    assert code == 1
    assert "nav_adds_up found 1 row" in error
    assert "succeeded" not in text
