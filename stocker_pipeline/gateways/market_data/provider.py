"""The interface of a market-data provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True)
class MarketData:
    """A provider's answer.

    Attributes:
        bars, actions: Checked tables; see ``domain.bars`` for their columns.
        missing: Symbol → why there is no bar of it in the range.
    """

    bars: pa.Table
    actions: pa.Table
    missing: Mapping[str, str]


class MarketDataProvider(Protocol):
    """Bars as traded, and the corporate actions that explain their jumps."""

    name: str

    def symbols(self) -> tuple[str, ...]:
        """Symbols that are ingested by default."""

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> MarketData:
        """Bars and actions of ``symbols`` from ``first`` to ``last``, both sessions included.

        Every symbol is either in ``bars`` or in ``missing``; nothing is left out silently.
        """
