"""Metrics and tear sheet of a portfolio's book, as it stands in the lake."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.analytics.metrics import Metrics, performance_metrics
from stocker_pipeline.analytics.record import TrackRecord, days_of
from stocker_pipeline.analytics.sensitivity import Sensitivity
from stocker_pipeline.analytics.tearsheet import NOT_RUN_AGAIN, tear_sheet
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
from stocker_pipeline.stages.report_files import write_page
from stocker_pipeline.stages.report_sensitivity import sensitivity_of
from stocker_pipeline.strategies.portfolio import Portfolio


@dataclass(frozen=True)
class Report:
    """A tear sheet and what it says in numbers."""

    record: TrackRecord
    metrics: Metrics
    facts: Mapping[str, Any]
    sensitivity: Sensitivity = NOT_RUN_AGAIN


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


def report_from_lake(
    lake: Lake, name: str, portfolio: Portfolio, overrides: Mapping[str, Any] | None = None
) -> Report:
    """Everything of the portfolio that is done.

    Args:
        portfolio: With the overrides that the run had.
        overrides: Those overrides, for the small print; None = whoever asks does not know of any.

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
    bars, actions, *_ = current_bars(lake, portfolio.universe, last)
    again = sensitivity_of(portfolio, bars, actions, snapshots)
    facts = run_facts(name, portfolio, snapshots) | {
        "overrides": "none that this command knows of" if overrides is None else dict(overrides),
        "reproduced": again.reproduced or again.missing,
        "program": version("stocker-pipeline"),
        "data versions": lake.versions(DATASETS),
    }
    record = record_of(portfolio, tables, bars, actions)
    return Report(record, performance_metrics(record), facts, again)


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
    contents = {
        path: tear_sheet(
            report.record, report.facts, metrics=report.metrics, sensitivity=report.sensitivity
        ),
        path.with_suffix(".json"): metrics_json(report.metrics),
    }
    for target, text in contents.items():
        write_page(target, text)
    return path, path.with_suffix(".json")
