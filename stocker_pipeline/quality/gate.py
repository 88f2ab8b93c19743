"""The one door of the gate: bars and actions in, every finding out.

The order of the families is the only logic here. A number that cannot be, then a print that is
wrong, is taken away before the next family looks at neighbours, so that one wrong bar is found once
and does not accuse the bar after it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa

from stocker_pipeline.quality.adjusted import adjusted_rules
from stocker_pipeline.quality.findings import Finding, findings_table
from stocker_pipeline.quality.gaps import gap_rules
from stocker_pipeline.quality.history import history_rules
from stocker_pipeline.quality.intake import received, refused_findings
from stocker_pipeline.quality.numbers import number_rules
from stocker_pipeline.quality.prints import level_rules, odd_print_rules, print_rules
from stocker_pipeline.quality.repeats import repeat_rules
from stocker_pipeline.quality.rule import Rule, Scaled
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import DEFAULTS, Thresholds
from stocker_pipeline.quality.vendors import Comparison, compared, vendor_rules
from stocker_pipeline.quality.volumes import volume_rules

LOOK_AHEAD_RULES = frozenset({"close_spike", "bar_shifted", "level_shifted", "vendors_disagree"})
"""Rules by which a later bar may refuse an earlier one, see ``prints`` and ``vendors``."""


def judge(
    bars: pa.Table,
    actions: pa.Table,
    *,
    calendar_last: date,
    reference: pa.Table | None = None,
    refused_rows: pa.Table | None = None,
    thresholds: Thresholds = DEFAULTS,
) -> pa.Table:
    """Every finding about these bars.

    Give a symbol's whole history where it is at hand: most rules measure a bar by the 60 before it.
    Give the universe together: what the whole market does on a session widens the bounds of that
    session. The result depends on no order of rows or symbols, on no clock and on no earlier call.

    Args:
        bars: Current versions; columns symbol, session, open, high, low, close, volume and perhaps
            adj_close; others are ignored. Prices raw as traded, in dollars. Any number may be null
            or wrong.
        actions: Columns symbol, session, split, dividend, as ``domain.bars.ACTIONS_SCHEMA``.
        calendar_last: The last session that is over. Bars after it are refused.
        reference: A second vendor's bars, columns as ``bars``; another split basis is recognised.
            Where it confirms open and close of a bar, a print or gap is flagged instead of refused.
        refused_rows: What the provider set aside: symbol, session, reason, evidence.
        thresholds: The bounds.

    Returns:
        ``findings.FINDINGS_SCHEMA``, sorted by symbol, session, rule.

    Raises:
        InputRefused: A table lacks a column, or a column is of another kind.
    """
    taken = received(
        bars,
        actions,
        calendar_last=calendar_last,
        hole_sessions_long=thresholds.hole_sessions_long,
    )
    series = taken.series
    findings = [*taken.findings, *refused_findings(refused_rows)]
    everything = Scaled(series, thresholds)
    findings += _judged(history_rules(thresholds), everything)
    impossible = _judged(number_rules(thresholds), everything)
    findings += impossible

    sound = Scaled(series.kept(_unrefused(series, impossible)), thresholds)
    comparison = _comparison(sound.series, reference, actions, calendar_last, thresholds)
    odd = [*repeat_rules(thresholds), *volume_rules(thresholds), *odd_print_rules(thresholds)]
    if comparison is not None:
        odd += vendor_rules(thresholds, comparison)
    findings += _judged(odd, sound)
    prints = _judged(print_rules(thresholds), sound)
    printed = sound.kept(_unrefused(sound.series, prints))
    levels = _judged(level_rules(thresholds), printed)
    level = printed.kept(_unrefused(printed.series, levels))
    gaps = _judged(gap_rules(thresholds), level)
    findings += _weighed([*prints, *levels, *gaps], sound.series, comparison)
    findings += _judged(adjusted_rules(thresholds), level)
    return findings_table(findings)


def _judged(rules: Sequence[Rule], scaled: Scaled) -> list[Finding]:
    return [
        finding for rule in rules for finding in rule.findings(scaled.series, rule.judge(scaled))
    ]


def _unrefused(series: Series, findings: Sequence[Finding]) -> np.ndarray:
    """Mask of the bars that none of these findings refuses."""
    kept = np.ones(len(series), dtype=bool)
    kept[[_row(series, row) for row in findings if row.treatment == "quarantined"]] = False
    return kept


def _row(series: Series, finding: Finding) -> int:
    """Where the bar of a finding is; the finding must be about a bar of the series."""
    code = series.names.index(finding.symbol)
    first, end = np.searchsorted(series.code, (code, code + 1))
    return int(first + np.searchsorted(series.days[first:end], np.datetime64(finding.session)))


def _comparison(
    series: Series,
    reference: pa.Table | None,
    actions: pa.Table,
    calendar_last: date,
    thresholds: Thresholds,
) -> Comparison | None:
    """The reference's believable bars beside the series."""
    if reference is None:
        return None
    other = received(
        reference,
        actions.slice(0, 0),
        calendar_last=calendar_last,
        hole_sessions_long=thresholds.hole_sessions_long,
    ).series
    impossible = _judged(number_rules(thresholds), Scaled(other, thresholds))
    return compared(series, other.kept(_unrefused(other, impossible)), thresholds)


def _weighed(
    findings: Sequence[Finding], series: Series, comparison: Comparison | None
) -> list[Finding]:
    """Judgements about plausibility yield to a second vendor that saw the same open and close."""
    if comparison is None:
        return list(findings)
    return [
        replace(
            finding,
            severity="warning",
            treatment="flagged",
            evidence=f"{finding.evidence}; the reference has the same open and close",
        )
        if finding.treatment == "quarantined" and comparison.agrees[_row(series, finding)]
        else finding
        for finding in findings
    ]
