"""Books to compare, from wherever they lie: the lake, a version of it, the ledger, or a folder.

Stays out: what a Dagster run wrote (``orchestration.run_books``), and how it looks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stocker_pipeline.analytics.comparison import ComparedBook
from stocker_pipeline.analytics.metrics import performance_metrics
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.domain.errors import BookRefused, InputRefused
from stocker_pipeline.engine.tables import SCHEMAS
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import FILLS, POSITIONS, SNAPSHOTS
from stocker_pipeline.ledger import Reader
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline.stages.overview import begun
from stocker_pipeline.stages.report import record_of
from stocker_pipeline.stages.report_files import COMPARISONS
from stocker_pipeline.stages.report_sensitivity import reproduction_of
from stocker_pipeline.stages.trading import Venue
from stocker_pipeline.strategies.portfolio import Portfolio

_TABLES = {dataset.name: dataset for dataset in (SNAPSHOTS, FILLS, POSITIONS)}


@dataclass(frozen=True)
class RunBook:
    """A backtest as one run left it.

    Attributes:
        versions: Version of each of the lake's tables; empty = as they are now.
        overrides: What the run changed.
    """

    label: str
    name: str
    portfolio: Portfolio
    versions: Mapping[str, int]
    overrides: Mapping[str, Any]


def book_of_backtest(lake: Lake, run: RunBook) -> ComparedBook:
    """A backtest in the lake, now or as a run left it.

    Raises:
        BookRefused: Nothing is done.
    """
    tables = {
        name: lake.read(dataset, portfolio=run.name, version=run.versions.get(name)).drop_columns(
            "portfolio"
        )
        for name, dataset in _TABLES.items()
    }
    kind = "run of a backtest" if run.versions else "backtest"
    facts = _facts(run.portfolio) | {"overrides": _flat_text(run.overrides)}
    return _book(lake, run.label, kind, run.name, run.portfolio, tables, facts, run_again=True)


def book_of_ledger(venue: Venue, lake: Lake, name: str, portfolio: Portfolio) -> ComparedBook:
    """A paper book.

    Raises:
        BookRefused: It has not begun, or no session is settled.
    """
    with venue.ledger() as ledger:
        tables = ledger.read(lambda r: _tables(r, name))
    return _book(lake, name, "paper book", name, portfolio, tables, _facts(portfolio))


def book_of_folder(folder: Path) -> ComparedBook:
    """What ``stocker simulate --out`` wrote; a folder holds no parameters.

    Raises:
        InputRefused: A table is not there, or is not one of ours.
    """
    tables = {}
    for name in _TABLES:
        path = folder / f"{name}.parquet"
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputRefused(
                "a folder that stocker simulate wrote",
                f"no readable {path.name}: {error}",
                where=str(folder),
                remedy="Name the folder given to --out.",
            ) from error
        missing = [column for column in SCHEMAS[name].names if column not in table.column_names]
        if missing:
            raise InputRefused(
                f"the columns of the table {name}",
                f"none named {', '.join(missing)}",
                where=str(path),
                remedy="Name a folder that this version of stocker simulate wrote.",
            )
        tables[name] = table
    record = TrackRecord(
        tables["snapshots"], tables["fills"], tables["positions"], corporate_actions=_splits(folder)
    )
    return ComparedBook(str(folder), "folder", {}, record, performance_metrics(record))


def comparison_path(reports: Path, labels: list[str]) -> Path:
    """Where the page of these books lies."""
    words = [re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.") or "book" for label in labels]
    return reports / COMPARISONS / ("__".join(word[-60:] for word in words) + ".html")


def _book(
    lake: Lake,
    label: str,
    kind: str,
    name: str,
    portfolio: Portfolio,
    tables: Mapping[str, pa.Table],
    facts: Mapping[str, Any],
    *,
    run_again: bool = False,
) -> ComparedBook:
    snapshots = tables["snapshots"]
    if snapshots.num_rows == 0:
        raise BookRefused(
            "at least one session done",
            "none",
            where=f"portfolio {name}",
            remedy=f"Run stocker backtest {name} first.",
        )
    last = pc.max(snapshots["session"]).as_py()
    held = pc.unique(tables["fills"]["symbol"]).to_pylist()
    bars, actions, *_ = current_bars(lake, sorted({*portfolio.universe, *held}), last)
    record = record_of(portfolio, tables, bars, actions)
    facts = {"kind": kind, **facts}
    if run_again:
        facts["reproduced"] = reproduction_of(portfolio, bars, actions, snapshots)
    return ComparedBook(label, kind, facts, record, performance_metrics(record))


def _facts(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "strategy": portfolio.strategy,
        "universe": list(portfolio.universe),
        "initial_capital": portfolio.initial_capital,
        **portfolio.parameters.model_dump(),
    }


def _flat_text(overrides: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in overrides.items()) or "none"


def _tables(reader: Reader, name: str) -> dict[str, pa.Table]:
    """A book of the ledger as the tables that analytics reads; positions of the last close."""
    begun(reader, name)
    rows = reader.snapshots(name)
    fills = [found.execution for found in reader.executions(name)]
    settled = {row.session for row in rows}
    fills = [fill for fill in fills if fill.session in settled]
    held = reader.positions(name, rows[-1].session) if rows else []
    money = ("nav", "cash", "realised", "unrealised", "dividends", "cash_in_lieu", "commissions")
    names = (*money, "flows", "initial_capital")
    plain = ("session", "gross_exposure", "net_exposure", "tripped")
    snapshots = {column: [getattr(row, column) for row in rows] for column in plain}
    snapshots |= {column: [getattr(row, f"{column}_e4") / 1e4 for row in rows] for column in names}
    return {
        "snapshots": pa.table(
            {
                **snapshots,
                "session": pa.array(snapshots["session"], pa.date32()),
                "gross_exposure": pa.array(snapshots["gross_exposure"], pa.float64()),
                "net_exposure": pa.array(snapshots["net_exposure"], pa.float64()),
            }
        ),
        "fills": pa.table(
            {
                "session": pa.array([fill.session for fill in fills], pa.date32()),
                "symbol": pa.array([fill.symbol for fill in fills], pa.string()),
                "quantity": pa.array([fill.quantity for fill in fills], pa.int64()),
                "price": pa.array([fill.price_e4 / 1e4 for fill in fills], pa.float64()),
                "commission": pa.array([fill.commission_e4 / 1e4 for fill in fills], pa.float64()),
            }
        ),
        "positions": pa.table(
            {
                "session": pa.array([rows[-1].session] * len(held) if rows else [], pa.date32()),
                "symbol": pa.array([row.symbol for row in held], pa.string()),
                "quantity": pa.array([row.quantity for row in held], pa.int64()),
                "cost": pa.array([row.cost_e4 / 1e4 for row in held], pa.float64()),
                "market_value": pa.array([row.market_value_e4 / 1e4 for row in held], pa.float64()),
            }
        ),
    }


def _splits(folder: Path) -> pa.Table | None:
    """Splits that were applied to the book, as corporate actions."""
    path = folder / "corporate_action_entries.parquet"
    if not path.exists():
        return None
    rows = pq.read_table(path)
    split = pc.divide(rows["split_new"].cast(pa.float64()), rows["split_old"].cast(pa.float64()))
    columns = ["session", "symbol", "dividend"]
    return rows.select(columns).append_column("split", split)
