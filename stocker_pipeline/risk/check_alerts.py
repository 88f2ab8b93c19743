"""From evaluations of asset checks and ends of runs to alerts. Pure.

A check that fails without blocking leaves its run green, so nobody would hear of it. Belongs here:
which alert an evaluation or a run is. Stays out: where they are read (``orchestration``).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from stocker_pipeline.risk.alerts import Alert, Severity

CHECK_FAILED: Final = "check_failed"
RUN_FAILED: Final = "run_failed"
_LONG_PAST = timedelta(days=10)
_SUBJECT_MOST, _TEXT_MOST = 200, 2000


@dataclass(frozen=True)
class CheckResult:
    """One evaluation of a check.

    Attributes:
        asset: The asset's key, its parts between slashes.
        partition: None = of the whole asset.
        is_error: Whether its severity is ERROR, not WARN.
        words: What it says beside passed and failed; may be empty.
    """

    asset: str
    check: str
    partition: str | None
    passed: bool
    is_error: bool
    words: str = ""


@dataclass(frozen=True)
class RunResult:
    """The end of a run.

    Attributes:
        target: The job's name, or the assets of a run without one.
        words: The error's first line; may be empty.
    """

    run_id: str
    target: str
    partition: str | None
    succeeded: bool
    words: str = ""


def check_alert(found: CheckResult, portfolios: Collection[str], today: date) -> Alert:
    """Raised where it failed, over where it passed; severity as the check's.

    A session long past, as a backfill judges it, is INFO: nobody trades on it today.
    """
    severity = Severity.ERROR if found.is_error else Severity.WARNING
    if _is_long_past(found.partition, today):
        severity = Severity.INFO
    first = found.asset.partition("/")[0]
    of = f" of {found.partition}" if found.partition else ""
    verdict = "passes again" if found.passed else "failed"
    text = f"{found.asset}{of}: check {found.check} {verdict}"
    if found.words:
        text += f": {found.words}"
    subject = "/".join(part for part in (found.asset, found.check, found.partition) if part)
    return Alert(
        severity,
        CHECK_FAILED,
        text[:_TEXT_MOST],
        first if first in portfolios else None,
        None,
        subject[-_SUBJECT_MOST:],
        recovers=found.passed,
    )


def run_alert(found: RunResult) -> Alert:
    """Raised where it failed, over where a run of the same target and partition succeeded."""
    of = f" of {found.partition}" if found.partition else ""
    verdict = "succeeds again" if found.succeeded else "failed"
    text = f"run {found.run_id[:8]}, {found.target}{of}: {verdict}"
    if found.words:
        text += f": {found.words}"
    subject = "/".join(part for part in (found.target, found.partition) if part)
    return Alert(
        Severity.ERROR,
        RUN_FAILED,
        text[:_TEXT_MOST],
        subject=subject[-_SUBJECT_MOST:],
        recovers=found.succeeded,
    )


def _is_long_past(partition: str | None, today: date) -> bool:
    try:
        return partition is not None and today - date.fromisoformat(partition) > _LONG_PAST
    except ValueError:
        return False
