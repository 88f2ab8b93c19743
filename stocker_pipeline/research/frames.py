"""Reading a home's lake and warehouse as pandas tables."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BOOK_DATASETS, SIGNALS
from stocker_pipeline.research.backtest import Backtest
from stocker_pipeline.research.tables import frame_of
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline.stages.portfolios import portfolio_data
from stocker_pipeline.stages.simulate import simulate_market
from stocker_pipeline.stages.warehouse_file import opened_warehouse
from stocker_pipeline.strategies.portfolio import portfolio_from

_BOOKS = {dataset.name: dataset for dataset in (SIGNALS, *BOOK_DATASETS)}
_NUMBERS = ("open", "high", "low", "close", "volume", "adj_close")

Day = date | str | None


class Research:
    """What is known in one home: ``STOCKER_HOME``, or the one given.

    Args:
        home: The directory of all local state; None = as the settings say.
    """

    def __init__(self, home: Path | str | None = None) -> None:
        settings = Settings() if home is None else Settings(home=Path(home))
        self._lake = Lake(settings.lake_root)
        self._warehouse = settings.warehouse

    def bars(
        self,
        symbols: Sequence[str] | str | None = None,
        *,
        first: Day = None,
        last: Day = None,
        as_of: datetime | None = None,
    ) -> pd.DataFrame:
        """Bars as a strategy sees them, raw as traded: verdicts applied, quarantined ones left out.

        Args:
            symbols: None = every symbol of the lake.
            first, last: Sessions, both included.
            as_of: As it was known then; None = now.

        Returns:
            One row per symbol and session, sorted by both; prices in dollars, volume in shares.
        """
        wanted = [symbols] if isinstance(symbols, str) else symbols
        rows = frame_of(current_bars(self._lake, wanted, _day(last, "last"), as_of).bars)
        return _from(rows, first)

    def prices(
        self,
        symbols: Sequence[str] | str | None = None,
        column: str = "close",
        *,
        first: Day = None,
        last: Day = None,
    ) -> pd.DataFrame:
        """One number of each bar, sessions down and symbols across; NaN where there is no bar.

        Raises:
            InputRefused: ``column`` is none of a bar's numbers.
        """
        _refuse_other(column, _NUMBERS, "column of prices")
        rows = self.bars(symbols, first=first, last=last)
        return rows.pivot_table(index="session", columns="symbol", values=column, sort=True)

    def corporate_actions(
        self, symbols: Sequence[str] | str | None = None, *, first: Day = None, last: Day = None
    ) -> pd.DataFrame:
        """Splits (new shares per old) and dividends (dollars per share) by ex-date."""
        wanted = [symbols] if isinstance(symbols, str) else symbols
        rows = frame_of(current_bars(self._lake, wanted, _day(last, "last")).actions)
        return _from(rows, first)

    def book(
        self, portfolio: str, table: str = "snapshots", *, first: Day = None, last: Day = None
    ) -> pd.DataFrame:
        """Rows of a backtest in the lake: ``signals``, ``targets``, ``fills``, ``snapshots``, … .

        Books of paper and live are in the marts.

        Raises:
            InputRefused: There is no such table, or nothing of that portfolio in it.
        """
        _refuse_other(table, _BOOKS, "table of a book")
        begin, end = _day(first, "first"), _day(last, "last")
        rows = self._lake.read(_BOOKS[table], portfolio=portfolio, first=begin, last=end)
        if rows.num_rows == 0 and not self._lake.read(_BOOKS[table], portfolio=portfolio).num_rows:
            raise InputRefused(
                f"rows of {portfolio} in the lake's table {table}",
                "none",
                where="book",
                remedy=f"Run stocker backtest {portfolio}; of a paper book see marts().",
            )
        return frame_of(rows.drop_columns("portfolio"))

    def signals(self, portfolio: str, *, first: Day = None, last: Day = None) -> pd.DataFrame:
        """Weights that the strategy asked for, sessions down and symbols across."""
        rows = self.book(portfolio, "signals", first=first, last=last)
        return rows.pivot_table(index="session", columns="symbol", values="weight", sort=True)

    def snapshots(self, portfolio: str, *, first: Day = None, last: Day = None) -> pd.DataFrame:
        """The book at each close, by session."""
        return self.book(portfolio, first=first, last=last).set_index("session")

    def marts(self) -> list[str]:
        """Names of facts and dimensions in the warehouse, for ``mart``."""
        found = self._query("select table_name from information_schema.tables")["table_name"]
        return sorted(name for name in found if name.startswith(("fct_", "dim_")))

    def mart(self, name: str) -> pd.DataFrame:
        """A table of the warehouse, whole; its columns are described in ``dbt docs``.

        Raises:
            InputRefused: There is no such table, or no warehouse.
            WarehouseBusy: Another process writes it.
        """
        _refuse_other(name, self.marts(), "mart")
        return self._query(f'select * from "{name}"')

    def backtest(
        self,
        portfolio: str,
        *,
        universe: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        initial_capital: float | None = None,
        first: Day = None,
        last: Day = None,
    ) -> Backtest:
        """Run the engine over the lake's bars, now, without Dagster; stores nothing.

        The same engine and the same rules as ``stocker backtest``: over the same sessions it ends
        with the same book.

        Args:
            portfolio: Name of a portfolio, of a strategy, or path of a YAML file.
            universe, parameters, initial_capital: In place of the portfolio's own.
            first, last: Sessions; None = the first and the last bar of the universe.

        Raises:
            StockerError: Names key, value and bound.
        """
        data, where = portfolio_data(portfolio, None if universe is None else list(universe))
        given = dict(data)
        given["parameters"] = {**(given.get("parameters") or {}), **(parameters or {})}
        if initial_capital is not None:
            given["initial_capital"] = float(initial_capital)
        chosen = portfolio_from(given, where=where)
        # Whole, so that a symbol may be listed later; the engine sees none beyond the last session.
        bars, actions, *_ = current_bars(self._lake, chosen.universe)
        begin, end = _day(first, "first"), _day(last, "last")
        done = simulate_market(bars, actions, chosen, start=begin, end=end, where="the lake")
        return Backtest(Path(portfolio).stem, done)

    def _query(self, sql: str) -> pd.DataFrame:
        with opened_warehouse(self._warehouse) as connection:
            return connection.execute(sql).df()


def _from(rows: pd.DataFrame, first: Day) -> pd.DataFrame:
    begin = _day(first, "first")
    if begin is not None:
        rows = rows[rows["session"] >= pd.Timestamp(begin)]
    return rows.reset_index(drop=True)


def _day(value: Day, where: str) -> date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise InputRefused(
            "a date as YYYY-MM-DD", repr(value), where=where, remedy="Correct it."
        ) from error


def _refuse_other(name: str, known: Sequence[str] | Mapping[str, Any], where: str) -> None:
    if name not in known:
        raise InputRefused(
            f"one of {', '.join(known)}", repr(name), where=where, remedy="Correct the name."
        )
