"""Small markets written to a folder in the layouts of docs/market-data-files.md."""

from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

from stocker_pipeline.domain.session import SessionCalendar

FIRST, LAST = date(2024, 1, 2), date(2024, 3, 28)
SESSIONS = SessionCalendar.between(FIRST, LAST).sessions(FIRST, LAST).tolist()
SPLIT_DAY = SESSIONS[30]
SPLIT = Fraction(3)
DIVIDENDS = {SESSIONS[10]: 0.75, SPLIT_DAY: 0.25, SESSIONS[40]: 0.25}
"""Of AAA as paid; one before its split, one at it, one after."""


def traded_bars():
    """AAA, which splits 3:1, and BBB, which does nothing, as traded: prices in quarters."""
    rows = []
    for i, day in enumerate(SESSIONS):
        cents = 9000 + 75 * (i % 7)
        factor = 1 if day < SPLIT_DAY else 3
        close = cents / 100 / factor
        rows.append(("AAA", day, close, close + 1.5, close - 1.5, close, 1200.0 * factor))
        rows.append(("BBB", day, 20.0, 21.0, 19.0, 20.0 + (i % 3) / 4, 500.0))
    return sorted(rows)


def adjusted_bars():
    """The same market as a vendor hands it out that divides by later splits."""
    return [
        (symbol, day, *(value / 3 for value in numbers[:4]), numbers[4] * 3)
        if symbol == "AAA" and day < SPLIT_DAY
        else (symbol, day, *numbers)
        for symbol, day, *numbers in traded_bars()
    ]


def events(*, adjusted: bool):
    """The actions of AAA as a list of events."""
    factor = 3 if adjusted else 1
    rows = [
        ("AAA", day, "dividend", amount / factor if day < SPLIT_DAY else amount)
        for day, amount in DIVIDENDS.items()
    ]
    return [*rows, ("AAA", SPLIT_DAY, "split", 3.0)]


def wide():
    """The actions of AAA, one row per ex-date."""
    return [
        ("AAA", day, 3.0 if day == SPLIT_DAY else 1.0, amount) for day, amount in DIVIDENDS.items()
    ]


def write_csv(path: Path, header: str, rows) -> Path:
    """A CSV of the rows; None is an empty cell."""
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def write_stocker(folder: Path) -> Path:
    """Stocker's own layout."""
    write_csv(folder / "bars.csv", "symbol,session,open,high,low,close,volume", traded_bars())
    write_csv(folder / "actions.csv", "symbol,session,split,dividend", wide())
    return folder


def write_prices(folder: Path, *, adjusted: bool) -> Path:
    """``prices`` and ``corporate_actions``; the adjusted close is the close."""
    rows = [(*row[:6], row[5], row[6]) for row in (adjusted_bars() if adjusted else traded_bars())]
    header = "symbol,date,open,high,low,close,adj_close,volume"
    write_csv(folder / "prices.csv", header, rows)
    write_csv(
        folder / "corporate_actions.csv", "symbol,date,action,value", events(adjusted=adjusted)
    )
    return folder


MAPPING = """\
source: my_vendor
date_format: "%m/%d/%Y"
price_basis: {basis}
volume_unit_shares: 100
bars:
  file: "*.csv"
  columns: {{symbol: null, session: Date, open: Open, high: High, low: Low, close: Close,
            volume: Lots, adj_close: null}}
actions:
  form: columns
  file: "*.csv"
  columns: {{symbol: null, session: Date, split: Stock Splits, dividend: Dividends}}
"""


def write_mapped(folder: Path, *, adjusted: bool) -> Path:
    """One file per symbol, American dates, volumes in hundreds, splits and dividends beside."""
    actions = {(row[0], row[1], row[2]): row[3] for row in events(adjusted=adjusted)}
    for symbol in ("AAA", "BBB"):
        rows = [
            (
                f"{row[1]:%m/%d/%Y}",
                *row[2:6],
                row[6] / 100,
                actions.get((symbol, row[1], "dividend"), 0.0),
                actions.get((symbol, row[1], "split"), 0.0),
            )
            for row in (adjusted_bars() if adjusted else traded_bars())
            if row[0] == symbol
        ]
        header = "Date,Open,High,Low,Close,Lots,Dividends,Stock Splits"
        write_csv(folder / f"{symbol}.csv", header, rows)
    basis = "split_adjusted" if adjusted else "as_traded"
    (folder / "mapping.yaml").write_text(MAPPING.format(basis=basis))
    return folder


def whole_span() -> tuple[date, date]:
    """All of the market and some days more."""
    return FIRST - timedelta(days=3), LAST + timedelta(days=3)
