from dataclasses import replace
from datetime import date

import pytest

from stocker_pipeline.risk.alerts import Severity
from stocker_pipeline.risk.check_alerts import CheckResult, RunResult, check_alert, run_alert

TODAY = date(2026, 11, 20)
FAILED = CheckResult("trend_paper/snapshot", "sane", "2026-11-19", False, True, "it is not")


@pytest.mark.parametrize(
    ("partition", "is_error", "severity"),
    [
        ("2026-11-19", True, Severity.ERROR),
        ("2026-11-19", False, Severity.WARNING),
        ("2026-11-10", True, Severity.ERROR),
        ("2026-11-09", True, Severity.INFO),
        (None, True, Severity.ERROR),
        ("AAPL", False, Severity.WARNING),
    ],
)
def test_an_alert_is_as_loud_as_its_check_and_quiet_about_the_long_past(
    partition, is_error, severity
):
    found = replace(FAILED, partition=partition, is_error=is_error)
    assert check_alert(found, (), TODAY).severity is severity


def test_a_check_is_raised_and_over_under_the_same_condition_of_its_portfolio():
    raised = check_alert(FAILED, {"trend_paper"}, TODAY)
    over = check_alert(replace(FAILED, passed=True), {"trend_paper"}, TODAY)
    assert raised.condition == over.condition
    assert raised.portfolio == "trend_paper"
    assert (raised.recovers, over.recovers) == (False, True)
    assert raised.text == "trend_paper/snapshot of 2026-11-19: check sane failed: it is not"
    assert check_alert(FAILED, {"trend"}, TODAY).portfolio is None


def test_partitions_are_conditions_of_their_own():
    other = replace(FAILED, partition="2026-11-20")
    assert check_alert(FAILED, (), TODAY).condition != check_alert(other, (), TODAY).condition


def test_a_run_is_told_by_its_target_and_error():
    failed = RunResult("0123456789", "kill", None, False, "RuntimeError: no")
    assert run_alert(failed).text == "run 01234567, kill: failed: RuntimeError: no"
    over = run_alert(replace(failed, run_id="a", succeeded=True, words=""))
    assert over.recovers
    assert over.condition == run_alert(failed).condition


def test_what_is_too_long_for_a_row_is_cut():
    long = check_alert(replace(FAILED, asset="a" * 400, words="w" * 9000), (), TODAY)
    assert len(long.subject) == 200
    assert len(long.text) == 2000
