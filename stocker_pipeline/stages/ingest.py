"""Bring bars and corporate actions of a range of sessions into the lake, and judge them.

Nothing is edited: what the source says otherwise than before stands beside it as a new version,
and what it does not send any more is marked as withdrawn. An ingest that was killed is run again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.session import Clock, SystemClock
from stocker_pipeline.gateways.market_data.fallback import fetch_believed
from stocker_pipeline.gateways.market_data.provider import MarketData, MarketDataProvider
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import (
    BARS,
    CORPORATE_ACTIONS,
    FINDINGS,
    REFERENCE_BARS,
    REFUSED_ROWS,
    RETRIEVALS,
    VERDICTS,
    Dataset,
)
from stocker_pipeline.lake.versions import in_key_order, positions
from stocker_pipeline.quality.gate import judge as gate
from stocker_pipeline.stages.judgement import (
    Judge,
    is_action,
    is_bar,
    left_out,
    live_bars,
    store_findings,
)
from stocker_pipeline.stages.retrievals import keep_retrievals
from stocker_pipeline.stages.verdicts import settle
from stocker_pipeline.stages.withdrawals import Range, believed, said, withdrawn


@dataclass(frozen=True)
class Brought:
    """Rows of one table.

    Attributes:
        fetched: Rows that the source sent for the range.
        new: Rows of which there was no version.
        changed: Rows that say something else than before, the return of a withdrawn one included.
        withdrawn: Rows that the source does not send any more.
    """

    fetched: int = 0
    new: int = 0
    changed: int = 0
    withdrawn: int = 0


@dataclass(frozen=True)
class Ingested:
    """What an ingest brought.

    Attributes:
        source: The provider's name.
        answered: Source → bars that it sent; more than one where a source was asked in place of
            another.
        bars, actions: Rows sent and written.
        reference: Bars of the second source, sent and written.
        findings: Severity → findings in the whole history of the symbols asked for.
        quarantined: Bars of that history that are left out, held ones included.
        missing: Symbol → why there is nothing of it, though the source answered.
        failed: Symbol → why no answer about it can be believed. Nothing of it was changed.
        refused_rows: Reason → rows that were sent and cannot be bars.
        refused: Those rows, ``REFUSED_ROWS_SCHEMA``.
        reference_missing, reference_failed: The same of the second source.
        versions: Table versions after the write.
    """

    source: str
    answered: Mapping[str, int]
    bars: Brought
    actions: Brought
    reference: Brought
    findings: Mapping[str, int]
    quarantined: int
    missing: Mapping[str, str]
    failed: Mapping[str, str]
    refused_rows: Mapping[str, int]
    refused: pa.Table
    versions: Mapping[str, int]
    reference_missing: Mapping[str, str] = field(default_factory=dict)
    reference_failed: Mapping[str, str] = field(default_factory=dict)


def ingest(
    provider: MarketDataProvider,
    lake: Lake,
    symbols: Sequence[str],
    first: date,
    last: date,
    *,
    clock: Clock | None = None,
    judge: Judge = gate,
    reference: MarketDataProvider | None = None,
    accept_withdrawals: bool = False,
) -> Ingested:
    """Write what the provider says otherwise than the lake about ``first`` … ``last``, and judge.

    The same answer twice writes nothing the second time. A symbol that is missing or failed keeps
    its bars and actions; one whose answer lacks too much of what the source sent before has failed.

    Args:
        clock: Dates what the source withdrew; None = wall time.
        judge: The quality gate.
        reference: A second source, for comparison only.
        accept_withdrawals: Believe a source that takes back any number of rows.

    Raises:
        InputRefused, ConfigurationRefused: The provider refuses. Nothing was written.
    """
    clock = clock or SystemClock()
    begun = None if accept_withdrawals else Range(first, last, clock.now())
    data = fetch_believed(provider, symbols, first, last, lambda new: _believed(lake, new, begun))
    second = reference.fetch(symbols, first, last) if reference else _nothing()
    second = _believed(lake, second, begun, of_reference=True)
    asked = Range(first, last, clock.now())
    at = asked.at
    # An action comes before the bars behind it: a split without its action is a fall of prices.
    actions = _bring(lake, CORPORATE_ACTIONS, data, asked)
    bars = _bring(lake, BARS, data, asked)
    compared = _bring(lake, REFERENCE_BARS, second, asked)
    _keep_refused(lake, provider.name, data, asked)
    answers = {"provider": (provider.name, data)}
    if reference:
        answers["reference"] = (reference.name, second)
    keep_retrievals(lake, answers, symbols, asked)
    findings = store_findings(lake, judge, at, asked_last=last)
    findings = findings.filter(_among(findings, symbols))
    settled = settle(live_bars(lake, symbols), lake.read(VERDICTS, symbols=symbols))
    return Ingested(
        source=provider.name,
        answered=_tally(data.bars["source"]),
        bars=bars,
        actions=actions,
        reference=compared,
        findings=_tally(findings["severity"]),
        quarantined=left_out(settled, findings).num_rows,
        missing=dict(data.missing),
        failed=dict(data.failed),
        refused_rows=_tally(data.refused_rows["reason"]),
        refused=data.refused_rows,
        versions=lake.versions(
            (
                BARS,
                CORPORATE_ACTIONS,
                REFERENCE_BARS,
                REFUSED_ROWS,
                RETRIEVALS,
                FINDINGS,
                VERDICTS,
            )
        ),
        reference_missing=dict(second.missing),
        reference_failed=dict(second.failed),
    )


def _believed(
    lake: Lake, data: MarketData, asked: Range | None, *, of_reference: bool = False
) -> MarketData:
    """``believed``, or all of the answer where any withdrawal is accepted."""
    return data if asked is None else believed(lake, data, asked, of_reference=of_reference)


def _nothing() -> MarketData:
    return MarketData(BARS.schema.empty_table(), CORPORATE_ACTIONS.schema.empty_table(), {})


def _bring(lake: Lake, dataset: Dataset, data: MarketData, asked: Range) -> Brought:
    """Append to one table what the answer says otherwise, and what it does not say any more."""
    of_actions = dataset is CORPORATE_ACTIONS
    rows = said(dataset, data)
    rows = rows.filter(pc.invert(_among(rows, data.failed)))
    gone = withdrawn(lake, dataset, data, asked)
    written, known = lake.append(dataset, pa.concat_tables([rows, gone]), at=asked.at)
    alive = np.asarray((is_action if of_actions else is_bar)(written), bool)
    return Brought(
        fetched=(data.actions if of_actions else data.bars).num_rows,
        new=int((alive & ~known).sum()),
        changed=int((alive & known).sum()),
        withdrawn=int((~alive).sum()),
    )


def _keep_refused(lake: Lake, source: str, data: MarketData, asked: Range) -> None:
    """Replace the refused rows of the range by those of this answer; known since the first time."""
    symbols = pc.unique(data.bars["symbol"]).to_pylist()
    symbols = sorted({*symbols, *data.missing} - set(data.failed))
    sent = data.refused_rows.filter(_among(data.refused_rows, symbols))
    before = lake.read(REFUSED_ROWS, symbols=symbols)
    outside = pc.or_(
        pc.less(before["session"], pa.scalar(asked.first, pa.date32())),
        pc.greater(before["session"], pa.scalar(asked.last, pa.date32())),
    )
    known = positions(sent, before, REFUSED_ROWS.key)
    stays = np.asarray(pc.fill_null(outside, False), bool)
    stays[known[known >= 0]] = True
    fresh = sent.filter(pa.array(known < 0)).group_by(sent.column_names).aggregate([])
    for name, value in (("source", source), ("known_at", asked.at)):
        kind = REFUSED_ROWS.schema.field(name).type
        fresh = fresh.append_column(name, pa.repeat(pa.scalar(value, kind), fresh.num_rows))
    kept = before.filter(pa.array(stays))
    fresh = fresh.select(REFUSED_ROWS.schema.names)
    rows = in_key_order(pa.concat_tables([kept, fresh]), REFUSED_ROWS)
    if symbols and not rows.equals(before):
        lake.replace(REFUSED_ROWS, rows, symbols=symbols)


def _among(table: pa.Table, symbols: Sequence[str] | Mapping[str, str]) -> pa.ChunkedArray:
    return pc.is_in(table["symbol"], value_set=pa.array(list(symbols), pa.string()))


def _tally(column: pa.ChunkedArray) -> dict[str, int]:
    return dict(sorted(Counter(column.to_pylist()).items()))
