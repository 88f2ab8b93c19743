"""Paper equals backtest: the same sessions as one range, day by day, and with restarts between.

Money to 1/10,000 dollar, shares, lots, orders and fills are compared, not digests of them, so that
a difference says where it is. The simulated broker has the market that the backtest has.
"""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.engine.settlement import closing_book
from stocker_pipeline.engine.simulate import OpeningBook, Run
from stocker_pipeline.ledger import Reader
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.stages.day import close_session, open_session
from stocker_pipeline.stages.forecast import forecast_rows
from stocker_pipeline.stages.trade import run_book, run_tables
from stocker_pipeline.stages.walk import move_to, walk
from stocker_pipeline_tests.stages.paper_day import (
    BOOK,
    Market,
    PaperHome,
    evening,
    morning,
    sample_market,
)
from stocker_pipeline_tests.stages.paper_homes import (  # noqa: F401
    Homes,
    dialect,
    new_home,
    postgres_template,
    sqlite_template,
)

MARKET = sample_market(date(2007, 3, 1))
SHORT = MARKET.sessions(date(2005, 2, 14), 15)
"""A dividend, and the split of another symbol."""
LONG = MARKET.sessions(date(2005, 1, 3), 500)
"""Two years: dividends of two symbols, splits, symbols that turn."""
_ORDER = ("session", "symbol", "quantity", "reference_price", "decision")
_FILL = ("session", "symbol", "quantity", "price", "commission")
_DECISION = ("session", "symbol", "decision", "held", "desired")


def day_by_day(home: PaperHome, sessions: Sequence[date]) -> None:
    """One process from the first session to the last."""
    clock = morning(sessions[0])
    with home.desk(clock) as desk:
        assert [report.session for report in walk(desk, clock, sessions)] == list(sessions)


def with_restarts(home: PaperHome, sessions: Sequence[date]) -> None:
    """Ledger, broker and desk are opened for each stage and closed behind it."""
    clock: FixedClock = morning(sessions[0])
    for session in sessions:
        for stage in (open_session, close_session):
            with home.desk(clock) as desk:
                times = desk.day(session)
                opens = stage is open_session
                move_to(clock, times.open_stage_at if opens else times.close_stage_at)
                assert not stage(desk, session).waits


def backtest(market: Market, sessions: Sequence[date]) -> tuple[Run, dict[str, pa.Table]]:
    """The same sessions as one range of the engine."""
    panel, portfolio, rule = market.panel, market.portfolio, market.portfolio.rule()
    first, last = panel.row_of(sessions[0]), panel.row_of(sessions[-1])
    forecast, _ = forecast_rows(rule, panel, first=first, last=last, book_start=first)
    book = OpeningBook.of_cash(to_e4(portfolio.initial_capital))
    run = run_book(panel, portfolio, forecast.weights, book, first=first, last=last)
    return run, run_tables(run, forecast.weights, rule.required_bars)


def assert_equal_books(home: PaperHome, sessions: Sequence[date]) -> None:
    """Compare everything that a book is with the backtest, fact by fact."""
    run, tables = backtest(home.market, sessions)
    assert tables["orders"].num_rows > len(sessions) // 4
    assert tables["corporate_action_entries"].num_rows > 1
    with home.ledger(evening(sessions[-1])) as ledger:
        found = ledger.read(lambda r: _book(r, sessions))
        assert run_invariants(ledger, BOOK) == []
    for name, columns in (("orders", _ORDER), ("fills", _FILL), ("decisions", _DECISION)):
        assert found[name] == sorted(_rows(tables[name], columns)), name
    snapshots = tables["snapshots"]
    assert found["snapshots"] == _rows(snapshots, snapshots.column_names)
    positions = tables["positions"]
    assert found["positions"] == sorted(_rows(positions, positions.column_names))
    entries = tables["corporate_action_entries"]
    assert found["actions"] == sorted(_rows(entries, entries.column_names))
    assert found["lots"] == sorted(
        (lot.symbol, lot.quantity, lot.cost_e4) for lot in closing_book(run).lots
    )
    truth = home.truth()
    last = found["snapshots"][-1]
    assert truth.cash_e4 == last[snapshots.column_names.index("cash")]
    held = {row[1]: row[2] for row in found["positions"] if row[0] == sessions[-1]}
    assert {name: position.quantity for name, position in truth.positions.items()} == held


def _book(reader: Reader, sessions: Sequence[date]) -> dict[str, list[tuple[Any, ...]]]:
    """What the ledger has, in the shape of the engine's tables, money as integers."""
    orders = [order.intent for order in reader.orders(BOOK)]
    fills = [booked.execution for booked in reader.executions(BOOK)]
    found: dict[str, list[tuple[Any, ...]]] = {
        "orders": sorted(
            (i.key.session, i.key.symbol, i.quantity, i.reference_price, i.decision) for i in orders
        ),
        "fills": sorted(
            (f.session, f.symbol, f.quantity, f.price_e4, f.commission_e4) for f in fills
        ),
        "snapshots": [_values(row, drop=("version", "reason")) for row in reader.snapshots(BOOK)],
        "lots": sorted((lot.symbol, lot.quantity, lot.cost_e4) for lot in reader.lots(BOOK)),
        "decisions": [],
        "positions": [],
        "actions": [],
    }
    for session in sessions:
        found["decisions"] += [
            (session, row.symbol, row.decision, row.held, row.desired)
            for row in reader.decisions(BOOK, session)
        ]
        found["positions"] += [(session, *_values(row)) for row in reader.positions(BOOK, session)]
        found["actions"] += [
            (session, *_values(row, drop=("dividend_cash_e4",)))
            for row in reader.corporate_actions(BOOK, session)
        ]
    return {name: rows if name == "snapshots" else sorted(rows) for name, rows in found.items()}


def _values(row: object, drop: Sequence[str] = ()) -> tuple[Any, ...]:
    left_out = {"recorded_at", *drop}
    return tuple(value for name, value in vars(row).items() if name not in left_out)


def _rows(table: pa.Table, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    return [
        tuple(_value(value) for value in row.values()) for row in table.select(columns).to_pylist()
    ]


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value.scaleb(4))
    return None if value != value else value


_SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("dialect", "lived", "sessions"),
    [
        pytest.param("sqlite", day_by_day, SHORT, id="SQLite"),
        pytest.param("sqlite", with_restarts, SHORT, id="SQLite with restarts"),
        pytest.param("postgresql", day_by_day, SHORT, id="PostgreSQL"),
        *[
            pytest.param(
                database, lived, LONG, id=f"{database} 500 days {lived.__name__}", marks=_SLOW
            )
            for database in ("sqlite", "postgresql")
            for lived in (day_by_day, with_restarts)
        ],
    ],
)
def test_paper_is_backtest_to_a_ten_thousandth_of_a_dollar(
    lived: Callable[[PaperHome, Sequence[date]], None],
    sessions: Sequence[date],
    new_home: Homes,  # noqa: F811
) -> None:
    home = new_home(MARKET)
    lived(home, sessions)
    assert_equal_books(home, sessions)
