"""Every strategy by name: the shipped ones, and those that installed packages declare.

A package adds its own under the entry-point group ``stocker.strategies``; a project that edits
this repository adds a line to ``_SHIPPED``.
"""

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.strategies.base import Strategy
from stocker_pipeline.strategies.fixed import BuyAndHold, SixtyForty
from stocker_pipeline.strategies.trend import Trend, TrendLiteral

ENTRY_POINT_GROUP = "stocker.strategies"
_SHIPPED: tuple[type[Strategy[Any]], ...] = (Trend, TrendLiteral, BuyAndHold, SixtyForty)


@cache
def strategies() -> dict[str, type[Strategy[Any]]]:
    """Name → strategy class, shipped ones first.

    Raises:
        ConfigurationRefused: Two strategies share a name, or an entry point is not a strategy.
    """
    known = {strategy.name: strategy for strategy in _SHIPPED}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        strategy = entry.load()
        if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
            raise ConfigurationRefused(
                "a subclass of Strategy",
                repr(strategy),
                where=f"entry point {entry.name} = {entry.value}",
                remedy="Point the entry point at the strategy class.",
            )
        if strategy.name in known:
            raise ConfigurationRefused(
                "a name that no other strategy has",
                strategy.name,
                where=f"entry point {entry.name} = {entry.value}",
                remedy="Rename one of the two strategies.",
            )
        known[strategy.name] = strategy
    return known
