"""Metrics and tear sheet of a portfolio's book, as it stands in the lake."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.analytics.metrics import Metrics, performance_metrics
from stocker_pipeline.analytics.record import TrackRecord, days_of
from stocker_pipeline.analytics.tearsheet import tear_sheet
from stocker_pipeline.analytics.wording import metrics_json
from stocker_pipeline.domain.errors import BookRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import (
    DATASETS,
    FILLS,
    POSITIONS,
    SNAPSHOTS,
    TARGETS,
)
from stocker_pipeline.stages.market import current_bars, members_on
from stocker_pipeline.strategies.portfolio import Portfolio


@dataclass(frozen=True)
class Report:
    """A tear sheet and what it says in numbers."""

    record: TrackRecord
    metrics: Metrics
    facts: Mapping[str, Any]


def record_of(
    portfolio: Portfolio,
    tables: Mapping[str, pa.Table],
    bars: pa.Table,
    actions: pa.Table | None,
) -> TrackRecord:
    """A track record from a run's tables."""
    return TrackRecord(
        snapshots=tables["snapshots"],
        fills=tables["fills"],
        positions=tables["positions"],
        bars=bars,
        corporate_actions=actions,
        universe=tuple(portfolio.universe),
        member=members_on(portfolio, bars, days_of(tables["snapshots"])),
        target_vol=portfolio.parameters.target_vol,
        price_basis=portfolio.parameters.price_basis,
    )


def report_from_lake(lake: Lake, name: str, portfolio: Portfolio) -> Report:
    """Everything of the portfolio that is done.

    Args:
        portfolio: With the overrides that the run had.

    Raises:
        BookRefused: Nothing is done yet.
    """
    tables = {
        dataset.name: lake.read(dataset, portfolio=name).drop_columns("portfolio")
        for dataset in (SNAPSHOTS, FILLS, POSITIONS, TARGETS)
    }
    snapshots = tables["snapshots"]
    if snapshots.num_rows == 0:
        raise BookRefused(
            "at least one session done",
            "none",
            where=f"portfolio {name}",
            remedy=f"Run stocker backtest {name} first, or backfill it in the UI.",
        )
    last = pc.max(snapshots["session"]).as_py()
    bars, actions, _ = current_bars(lake, portfolio.universe, last)
    versions = {"data versions": lake.versions(DATASETS)}
    facts = run_facts(name, portfolio, snapshots) | versions
    record = record_of(portfolio, tables, bars, actions)
    return Report(record, performance_metrics(record), facts)


def run_facts(name: str, portfolio: Portfolio, snapshots: pa.Table) -> dict[str, Any]:
    """What a run was, for the small print."""
    text = portfolio.model_dump_json()
    return {
        "portfolio": name,
        "strategy": portfolio.strategy,
        "universe": ", ".join(portfolio.universe),
        "sessions": f"{snapshots.num_rows:,} from {snapshots['session'][0]} "
        f"to {snapshots['session'][-1]}",
        "parameters": portfolio.parameters.model_dump(),
        "configuration": hashlib.sha256(text.encode()).hexdigest()[:12],
    }


def write_report(report: Report, path: Path) -> tuple[Path, Path]:
    """The tear sheet at ``path`` and the metrics as JSON beside it; each appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = {
        path: tear_sheet(report.record, report.facts, metrics=report.metrics),
        path.with_suffix(".json"): metrics_json(report.metrics),
    }
    for target, text in contents.items():
        partial = target.with_name(target.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)
    return path, path.with_suffix(".json")
