"""The pages that ``stocker demo`` leaves, once its backtests are done, and where they are found."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from stocker_pipeline.commands.demo import COMPARED, PORTFOLIO, write_pages
from stocker_pipeline.commands.report import print_tear_sheet
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.report_index import shelves_of
from stocker_pipeline_tests.commands.paper import LAST
from stocker_pipeline_tests.commands.test_compare import backtests

__all__ = ["backtests"]


def test_the_demo_writes_tear_sheets_last_sessions_and_the_comparison(backtests, capsys):
    sheet, comparison = write_pages(Settings())
    shelves = {
        shelf.title: [link.label for link in shelf.links]
        for shelf in shelves_of(Settings().reports)
    }
    assert shelves == {
        "Tear sheets": [COMPARED, PORTFOLIO],
        f"Daily reports: {COMPARED}": [str(LAST)],
        f"Daily reports: {PORTFOLIO}": [str(LAST)],
        "Comparisons": [f"{PORTFOLIO} · {COMPARED}"],
    }
    assert capsys.readouterr().out == "", "it is written beside another step that has the screen"
    print_tear_sheet(sheet, False)
    told = capsys.readouterr().out
    for word in ("Maximum drawdown", "tear sheet", "last session"):
        assert word in told
    assert "every session has the same NAV" in sheet.page.read_text()
    assert PORTFOLIO in comparison.read_text()


@pytest.mark.slow
def test_one_command_leaves_both_backtests_the_marts_and_the_pages(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [Path(sys.executable).with_name("stocker"), "demo"],
        env=os.environ | {"STOCKER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Done in" in done.stdout
    assert "OK created" not in done.stdout, "dbt's own lines"
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as marts:
        books = "select portfolio, count(*) from fct_daily_performance group by 1 order by 1"
        assert marts.execute(books).fetchall() == [(COMPARED, 3270), (PORTFOLIO, 3270)]
        views = "select table_name from information_schema.tables where table_type = 'VIEW'"
        for (view,) in marts.execute(views).fetchall():
            marts.execute(f'select count(*) from "{view}"').fetchone()
    assert (home / "reports" / f"{PORTFOLIO}.html").exists()
