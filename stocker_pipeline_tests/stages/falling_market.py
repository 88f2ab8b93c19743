"""Two symbols that rise for two months and then fall in one session: a book that loses."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.gateways.market_data.provider import MarketData, selection, with_origin
from stocker_pipeline_tests.stages.market_day import CALENDAR, FIRST, KNOWN_AT, LAST, SYMBOLS

FALL_AT = 45
"""The session, counted from the first of the market, that closes lower."""
SESSIONS: list[date] = CALENDAR.sessions(FIRST, LAST).tolist()
FALL_ON = SESSIONS[FALL_AT]


class FallingMarket:
    """Both symbols rise by half a percent per session, and fall by ``fall`` in one."""

    name = "falling"

    def __init__(self, fall: float) -> None:
        self.fall = fall

    def symbols(self) -> tuple[str, ...]:
        return SYMBOLS

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> MarketData:
        sessions = CALENDAR.sessions(FIRST, LAST)
        step = np.full((len(sessions), len(SYMBOLS)), 0.005)
        # Something must swing, or the volatility target divides by nothing.
        step[::2, 0] += 0.01
        step[1::2, 0] -= 0.01
        step[::3, 1] += 0.012
        step[1::3, 1] -= 0.012
        step[FALL_AT] = -self.fall
        price = np.round(50 * np.cumprod(1 + step, axis=0), 2).T.reshape(-1)
        bars = {
            "symbol": np.repeat(np.array(SYMBOLS), len(sessions)),
            "session": np.tile(sessions, len(SYMBOLS)),
            **dict.fromkeys(("open", "high", "low", "close"), price),
            "volume": np.full(len(price), 1e6),
            "adj_close": price,
        }
        tables = (
            pa.table(bars, schema=BARS_SCHEMA),
            ACTIONS_SCHEMA.empty_table(),
        )
        found = (with_origin(table, self.name, KNOWN_AT) for table in tables)
        return selection(*found, symbols, first, last)
