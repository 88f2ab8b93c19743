from pathlib import Path

import pytest

from stocker_pipeline_tests.quality.scorecard import bounds, catalogue, known_defects

PAGE = Path(__file__).parents[2] / "docs" / "data-quality.md"


@pytest.mark.parametrize("table", [catalogue, bounds])
def test_the_page_lists_rules_and_thresholds_as_they_are(table):
    """``python -m stocker_pipeline_tests.quality.scorecard`` prints them."""
    lines = set(PAGE.read_text().splitlines())
    assert [line for line in table() if line not in lines] == []


def test_the_table_of_known_defects_is_sorted_and_names_each_once():
    rows = [(row.set, row.symbol, row.session, row.kind) for row in known_defects()]
    assert rows == sorted(set(rows))
    assert {row.proof for row in known_defects()} == {
        "readme",
        "issues_list",
        "second_vendor",
        "public",
        "judged",
    }
