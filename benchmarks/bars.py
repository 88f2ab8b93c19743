"""The bars every contestant reads: generated here, or taken from a table of bars, as one file.

A bars file is an uncompressed ``.npz`` that any Python with NumPy reads. Prices are float64 arrays
of shape (sessions, symbols), row-major, in dollars, without gaps:

``sessions``          datetime64[D], strictly increasing, sessions of the exchange XNYS
``symbols``           text, in the order of the columns
``open high low close volume``  raw, as traded; volume in shares
``adj_close``         close with the later dividends taken out (the adjusted basis of the rules)
``adj_open``          ``open`` on the adjusted basis, ``open * (adj_close / close)``
``mark``              ``adj_close`` rounded to 1/10,000 dollar, the price a position is valued at
``first``             row of the first session the book trades; earlier rows are history
``initial_capital``   dollars
"""

import json
from pathlib import Path
from typing import Any

import exchange_calendars
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

FIRST_SESSION = "2010-01-04"
CAPITAL_USD_PER_SYMBOL = 50_000.0
CLOSE_CENTS_MIN = 500.0
DIVIDEND_SESSIONS = 63

Prices = npt.NDArray[np.float64]
Bars = dict[str, Any]


def generate(symbols: int, sessions: int, seed: int = 20_100_104) -> Bars:
    """Generate a random walk in cents: the same arrays for the same numbers, on any day.

    Each symbol has a volatility of its own (15% to 60% a year), a small drift, a gap between close
    and open, and every 63 sessions a dividend of 0.2% to 0.8% of its price. Prices are whole cents
    and never below five dollars. The capital is 50,000 dollars for each symbol, so that nearly
    every symbol trades in nearly every session.

    Args:
        symbols: Number of symbols, at least 1.
        sessions: Number of sessions from 2010-01-04 on.
        seed: Seed of the generator; the benchmark never changes it.

    Returns:
        The arrays of a bars file, see the module.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    shape = (sessions, symbols)
    volatility = random.uniform(0.15, 0.60, symbols) / np.sqrt(252.0)
    drift = random.uniform(-0.02, 0.10, symbols) / 252.0
    close = np.empty(shape)
    open_ = np.empty(shape)
    last = np.rint(random.uniform(2_000.0, 20_000.0, symbols))
    for row in range(sessions):
        gap = 0.4 * volatility * random.standard_normal(symbols)
        move = drift + 0.9 * volatility * random.standard_normal(symbols)
        open_[row] = np.maximum(np.rint(last * (1.0 + gap)), CLOSE_CENTS_MIN)
        last = np.maximum(np.rint(open_[row] * (1.0 + move)), CLOSE_CENTS_MIN)
        close[row] = last
    spread = np.rint(np.abs(random.standard_normal(shape)) * 0.3 * volatility * close)
    high = np.maximum(open_, close) + spread
    low = np.maximum(np.minimum(open_, close) - spread, 1.0)
    volume = np.rint(np.exp(random.normal(14.0, 0.5, shape)))
    adjusted = close * _dividend_factors(close, random) / 100.0
    adjusted = np.rint(adjusted * 1e4) / 1e4
    return {
        "sessions": _sessions(sessions),
        "symbols": np.array([_symbol(column) for column in range(symbols)]),
        "open": open_ / 100.0,
        "high": high / 100.0,
        "low": low / 100.0,
        "close": close / 100.0,
        "volume": volume,
        "adj_close": adjusted,
        "adj_open": open_ / 100.0 * (adjusted / (close / 100.0)),
        "mark": adjusted,
        "first": np.int64(0),
        "initial_capital": np.float64(CAPITAL_USD_PER_SYMBOL * symbols),
    }


def from_example(folder: Path) -> Bars:
    """Read a worked example of the rules (``bars.parquet``, ``case.json``) as a bars file.

    Raises:
        ValueError: The example has a gap; not every contestant can express one.
    """
    case = json.loads((folder / "case.json").read_text())
    table = pq.read_table(folder / "bars.parquet").to_pydict()
    sessions = np.array(sorted(set(table["session"])), dtype="datetime64[D]")
    symbols = np.array(case["universe"])
    row_of = {session: row for row, session in enumerate(sessions.tolist())}
    column_of = {symbol: column for column, symbol in enumerate(case["universe"])}
    rows = [row_of[session] for session in table["session"]]
    columns = [column_of[symbol] for symbol in table["symbol"]]
    arrays: Bars = {"sessions": sessions, "symbols": symbols}
    for name in ("open", "high", "low", "close", "volume", "adj_close"):
        values = np.full((len(sessions), len(symbols)), np.nan)
        values[rows, columns] = table[name]
        if np.isnan(values).any():
            raise ValueError(
                f"{folder / 'bars.parquet'}: wanted a bar of every symbol in every session; "
                f"received {int(np.isnan(values).sum())} gaps in {name}. Take an example without."
            )
        arrays[name] = values
    arrays["adj_open"] = arrays["open"] * (arrays["adj_close"] / arrays["close"])
    arrays["mark"] = np.rint(arrays["adj_close"] * 1e4) / 1e4
    arrays["first"] = np.int64(np.searchsorted(sessions, np.datetime64(case["start"])))
    arrays["initial_capital"] = np.float64(case["initial_capital"])
    return arrays


def write(path: Path, bars: Bars) -> Path:
    """Write a bars file and return its path; an existing one is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **bars)
    return path


def _sessions(count: int) -> npt.NDArray[np.datetime64]:
    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST_SESSION)
    available: npt.NDArray[np.datetime64] = calendar.sessions.to_numpy().astype("datetime64[D]")
    if count > len(available):
        raise ValueError(
            f"sessions: wanted at most {len(available)}, the sessions that the calendar XNYS knows "
            f"from {FIRST_SESSION} on; received {count}. Ask for fewer."
        )
    return available[:count]


def _symbol(column: int) -> str:
    letters = ""
    for _ in range(4):
        column, letter = divmod(column, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _dividend_factors(close: Prices, random: np.random.Generator) -> Prices:
    # factor[t] = product over the later ex-dates s of 1 - dividend_s / close_{s-1}
    sessions, symbols = close.shape
    step = np.ones_like(close)
    offset = np.asarray(random.integers(1, DIVIDEND_SESSIONS + 1, size=symbols))
    for column in range(symbols):
        ex_dates = np.arange(offset[column], sessions, DIVIDEND_SESSIONS)
        yields = random.uniform(0.002, 0.008, len(ex_dates))
        dividend_cents = np.rint(yields * close[ex_dates - 1, column])
        step[ex_dates - 1, column] = 1.0 - dividend_cents / close[ex_dates - 1, column]
    factors: Prices = np.multiply.accumulate(step[::-1], axis=0)[::-1]
    return factors
