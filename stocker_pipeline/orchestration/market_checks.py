"""The quality gate's findings as partitioned asset checks on ``raw_bars``.

A run over a range leaves one evaluation per session, and one for the whole, which Dagster asks for
and cannot give a partition.
Only the last session of a run can stop what comes after it: money follows that one, and a backtest
leaves quarantined bars out by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from stocker_pipeline.orchestration.event_log_checks import log_evaluations
from stocker_pipeline.stages.session_quality import USABLE_SHARE_MIN, SessionQuality

RAW_BARS = dg.AssetKey("raw_bars")
ARRIVED, TRUSTED = "every_expected_bar_arrived", "every_bar_can_be_traded_on"
_PASSED: dict[str, Callable[[SessionQuality], bool]] = {
    ARRIVED: lambda quality: quality.complete,
    TRUSTED: lambda quality: quality.trusted,
}
_ROWS_SHOWN = 50


def market_check_specs(partitions: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """Both checks, by session."""
    asked = {
        ARRIVED: "Did every symbol get its bar for this session? Fails as an error, and stops "
        f"the run, where fewer than {USABLE_SHARE_MIN:.0%} of the bars can be used.",
        TRUSTED: "Is every bar of this session traded on, or is one in quarantine or on hold? "
        f"Fails as an error where fewer than {USABLE_SHARE_MIN:.0%} of the bars can be used.",
    }
    return [
        dg.AssetCheckSpec(
            name, asset=RAW_BARS, description=question, blocking=True, partitions_def=partitions
        )
        for name, question in asked.items()
    ]


def evaluations(
    context: dg.AssetExecutionContext, sessions: Sequence[SessionQuality]
) -> Iterator[dg.AssetCheckResult]:
    """Log the evaluation of each session, and yield what Dagster expects of the step."""
    last, one = sessions[-1], context.has_partition_key
    for name, passed in _PASSED.items():
        if not one:
            log_evaluations(
                context, [_evaluation(name, quality, passed(quality)) for quality in sessions]
            )
        failed = [quality for quality in sessions if not passed(quality)]
        yield dg.AssetCheckResult(
            asset_key=RAW_BARS,
            check_name=name,
            passed=not failed if one else last.tradable,
            severity=_severity(last),
            metadata=_metadata(name, last) if one else _summary(name, sessions, failed),
        )


def _evaluation(name: str, quality: SessionQuality, passed: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=RAW_BARS,
        check_name=name,
        passed=passed,
        severity=_severity(quality),
        metadata={} if passed else _metadata(name, quality),
        partition=quality.session.isoformat(),
    )


def _severity(quality: SessionQuality) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.WARN if quality.tradable else dg.AssetCheckSeverity.ERROR


def _metadata(name: str, quality: SessionQuality) -> dict[str, Any]:
    counts = {
        "expected": quality.expected,
        "arrived": quality.arrived,
        "usable": quality.usable,
    }
    if name == ARRIVED:
        return counts | _table(quality.arrival_findings, ("symbol", "rule", "evidence"))
    return counts | _table(quality.excluded, ("symbol", "rules", "verdict", "why"))


def _summary(
    name: str, sessions: Sequence[SessionQuality], failed: Sequence[SessionQuality]
) -> dict[str, Any]:
    rows = [
        {
            "session": quality.session.isoformat(),
            "expected": quality.expected,
            "arrived": quality.arrived,
            "usable": quality.usable,
            "symbols": ", ".join(
                row["symbol"]
                for row in (quality.arrival_findings if name == ARRIVED else quality.excluded)
            ),
        }
        for quality in failed
    ]
    counts = {"sessions": len(sessions), "sessions_with_findings": len(failed)}
    return counts | _table(rows, ("session", "expected", "arrived", "usable", "symbols"))


def _table(rows: Sequence[Any], columns: Sequence[str]) -> dict[str, Any]:
    """Rows as a table that the UI draws; the first ones where there are many."""
    if not rows:
        return {}
    records = [
        dg.TableRecord({column: "" if row[column] is None else row[column] for column in columns})
        for row in rows[:_ROWS_SHOWN]
    ]
    shown = {} if len(rows) <= _ROWS_SHOWN else {"rows_not_shown": len(rows) - _ROWS_SHOWN}
    return {"findings": dg.MetadataValue.table(records), **shown}
