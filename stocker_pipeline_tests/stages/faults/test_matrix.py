"""No cell of the fault matrix is without a test or a reason, and no incident either."""

from importlib import import_module
from pathlib import Path

import pytest

from stocker_pipeline_tests.stages.faults.matrix import (
    DIFFERS,
    FAULTS,
    NOT_YET,
    OTHER_STEPS,
    REQUIRED,
    STEPS,
    table,
    tried,
    untried,
)

for _path in sorted(Path(__file__).parent.glob("test_*.py")):
    # Whoever runs this file alone has not imported the others, which write down what they try.
    import_module(f"{__package__}.{_path.stem}")


def test_every_cell_is_tried_or_said_to_be_impossible(capsys: pytest.CaptureFixture[str]):
    assert list(untried()) == []
    assert not set(tried()) & set(NOT_YET)
    assert set(tried()) | set(NOT_YET) == set(REQUIRED)
    assert set(DIFFERS) <= set(tried())
    with capsys.disabled():
        print(
            f"\nfault matrix: {len(tried())} of {len(REQUIRED)} cells tried, "
            f"{len(NOT_YET)} cannot be yet, {len(DIFFERS)} end otherwise than the charter has it"
        )


def test_the_page_on_reliability_shows_this_matrix():
    page = Path(__file__).parents[3] / "docs" / "reliability.md"
    assert table() in page.read_text(encoding="utf-8")


def test_every_step_of_the_charter_is_here_or_elsewhere():
    assert {*STEPS, *OTHER_STEPS} == {f"S{number}" for number in range(14)}
    assert list(FAULTS) == [f"F{number}" for number in range(1, 34)]


def test_every_incident_is_a_test_or_has_a_reason():
    incidents = import_module(f"{__package__}.test_incidents")
    tests = {name.split("_")[1] for name in vars(incidents) if name.startswith("test_N")}
    assert not tests & set(incidents.ELSEWHERE)
    assert tests | set(incidents.ELSEWHERE) == {f"N{number}" for number in range(1, 19)}
