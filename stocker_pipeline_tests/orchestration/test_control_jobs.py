"""Dagster may kill; it cannot arm. The drill is due after a month's first session, on paper."""

import ast
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

import stocker_pipeline
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.orchestration.control_jobs import (
    after_the_first_session,
    control_definitions,
    drill_op,
    kill_job,
    take_back_sensor,
    to_take_back,
)
from stocker_pipeline.orchestration.schedules import Tick
from stocker_pipeline.stages.control import Target


def tick(year: int, month: int, day: int) -> Tick:
    at = datetime(year, month, day, 23, 30, tzinfo=UTC)
    return Tick(at, at, SessionCalendar.between(at.date(), at.date()))


def test_the_drill_is_due_after_the_first_session_of_a_month_and_says_why_not_else():
    assert after_the_first_session(tick(2026, 3, 2)) == (datetime(2026, 3, 2).date(),)
    assert "is no session" in str(after_the_first_session(tick(2026, 3, 1)))
    assert "was due on 2026-03-02" in str(after_the_first_session(tick(2026, 3, 3)))
    # New year's day is a holiday, and the second is the month's first session.
    assert after_the_first_session(tick(2026, 1, 2)) == (datetime(2026, 1, 2).date(),)


def test_there_is_a_job_that_kills_and_none_that_arms():
    found = control_definitions()
    names = {job.name for job in found.jobs or ()}
    assert names == {"kill", "take_back_orders", "kill_drill"}
    (schedule,) = found.schedules or ()
    assert "Runs in: paper" in str(schedule.description)  # type: ignore[union-attr]


ARMING = {"arm", "Consent", "set_control", "set_account_control", "own_control"}


def test_nothing_that_dagster_loads_can_arm():
    """Not by a job, an asset, a sensor or a resource: no such name is ever read there."""
    package = Path(stocker_pipeline.__file__).parent
    paths = [package / "definitions.py"]
    paths += [path for part in ("orchestration", "defs") for path in (package / part).rglob("*.py")]
    assert len(paths) > 20
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {
            item.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for item in node.names
        }
        assert names & ARMING == set(), path


def test_a_kill_of_the_launchpad_names_its_run_and_its_reason(monkeypatch):
    said: list[tuple[Target, str, str]] = []

    class Nowhere:
        environment = "paper"
        kill_file = None

        def ledger(self):
            from contextlib import nullcontext

            return nullcontext(None)

    def kill(_: object, target: Target, *, author: str, reason: str) -> list[str]:
        said.append((target, author, reason))
        return []

    monkeypatch.setattr("stocker_pipeline.orchestration.control_jobs.kill", kill)
    config = {"ops": {"stop": {"config": {"portfolio": "trend_paper", "reason": "fire"}}}}
    result = kill_job.execute_in_process(
        run_config=config, resources={"lake": object(), "venue": Nowhere()}
    )
    assert result.success
    ((target, author, reason),) = said
    assert (target, reason) == (Target("trend_paper"), "fire")
    assert author == f"Dagster run {result.run_id[:8]}"


class _Order:
    """As much of an order as the decision reads."""

    def __init__(self, session: date) -> None:
        self.intent = SimpleNamespace(key=SimpleNamespace(session=session))


def test_orders_of_killed_books_are_taken_back_until_their_open():
    monday, tuesday = date(2026, 3, 2), date(2026, 3, 3)
    before, after = (datetime(2026, 3, 2, hour, 0, tzinfo=UTC) for hour in (13, 15))
    found = {"late": [_Order(monday)], "early": [_Order(monday), _Order(tuesday)]}
    assert to_take_back(found, before) == ["early", "late"]  # type: ignore[arg-type]
    assert to_take_back(found, after) == ["early"]  # type: ignore[arg-type]
    assert "has passed" in to_take_back({"late": [_Order(monday)]}, after)  # type: ignore[list-item]
    assert to_take_back({}, before) == "no killed portfolio has an open order"


def test_in_dev_the_sweep_says_where_it_runs(monkeypatch):
    monkeypatch.setenv("STOCKER_ENV", "dev")
    found = take_back_sensor(dg.build_sensor_context())
    assert "runs in paper, live" in str(found.skip_message)  # type: ignore[union-attr]


def test_the_drill_refuses_live():
    class Live:
        environment = "live"

    with pytest.raises(dg.Failure, match="paper only"):
        drill_op(dg.build_op_context(resources={"lake": object(), "venue": Live()}))
