"""The numbers of the pre-trade limits: defaults, ceilings, and what a portfolio's YAML may say.

A limit exists to stop what is wrong, not what the portfolio was told to do. So a default is the
larger of its own number and what the portfolio's parameters allow times ``MARGIN``; the ceiling,
which no configuration passes, is twice the default (for a least value: half of it). Belongs here:
numbers and the YAML's model. Stays out: how anything is judged (``risk.limits``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stocker_pipeline.domain.portfolio import (
    LEVERAGE_CEILING,
    PortfolioParameters,
    Symbol,
    bounded,
)

MARGIN = 1.10
"""How far beyond what the parameters allow a default lies: prices move between the numbers."""
GROWTH = 5.0
"""A limit in dollars lets a book grow to this multiple of its capital before it asks a person."""
CUSHION = 0.01
"""Part of the price by which buys are taken to cost more, and sales to bring less."""

_NAV_CEILING = 10 * LEVERAGE_CEILING
"""Outermost bound of a limit in multiples of NAV; the portfolio's own ceiling is nearer."""
_USD_CEILING = 1e15


@dataclass(frozen=True)
class Bound:
    """What holds for one limit in one portfolio.

    Attributes:
        value: In force: the YAML's, else the default.
        default, ceiling: The ceiling is the loosest value that a YAML may give.
        at_least: Whether the measured number must not be below ``value``, instead of above.
    """

    value: float
    default: float
    ceiling: float
    at_least: bool = False

    @property
    def beyond(self) -> bool:
        """Whether the value in force is looser than the ceiling."""
        return self.value < self.ceiling if self.at_least else self.value > self.ceiling


OfNav = Annotated[float, bounded(ge=0, le=_NAV_CEILING)]
Dollars = Annotated[float, bounded(ge=0, le=_USD_CEILING)]


class Limits(BaseModel):
    """``limits:`` of a portfolio. What is left out, or null, has its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    gross_exposure: OfNav | None = Field(
        None, description="Sum of absolute positions if every order fills, a multiple of NAV."
    )
    gross_worst_case: OfNav | None = Field(
        None,
        description="The same if what enlarges a position fills and what reduces one does not.",
    )
    short_exposure: OfNav | None = Field(
        None, description="Sum of short positions if only sales fill, a multiple of NAV; 0 = none."
    )
    cash_floor: Annotated[float, bounded(ge=-_NAV_CEILING, le=1)] | None = Field(
        None, description="Least cash after all orders at 1% worse prices, a multiple of NAV."
    )
    turnover: OfNav | None = Field(
        None, description="Sum of a session's orders, bought and sold, a multiple of NAV."
    )
    order_count: Annotated[int, Field(ge=0, le=100_000)] | None = Field(
        None, description="Orders of one session."
    )
    session_notional_usd: Dollars | None = Field(
        None, description="Sum of a session's orders, bought and sold, in dollars."
    )
    single_name: OfNav | None = Field(
        None, description="Position in one symbol after its order, a multiple of NAV."
    )
    order_notional: OfNav | None = Field(None, description="Worth of one order, a multiple of NAV.")
    order_notional_usd: Dollars | None = Field(None, description="Worth of one order, in dollars.")
    participation: Annotated[float, bounded(ge=0, le=0.02)] | None = Field(
        None, description="One order as a part of the 20-day average dollar volume; default 0.01."
    )
    minimum_price_usd: Annotated[float, bounded(ge=2.5, le=1e6)] | None = Field(
        None, description="Least price of what is bought or sold short, in dollars; default 5."
    )
    minimum_adv_usd: Annotated[float, bounded(ge=2.5e6, le=_USD_CEILING)] | None = Field(
        None, description="Least 20-day average dollar volume; default 5 million."
    )
    reference_jump: Annotated[float, bounded(ge=0, le=0.5)] | None = Field(
        None,
        description="Change of the last close against the one before, splits and dividends taken "
        "out, a fraction; default 0.25.",
    )
    reference_age_sessions: Annotated[int, Field(ge=0, le=2)] | None = Field(
        None, description="Sessions since the bar that an order is sized by; default 1."
    )
    price_collar: Annotated[float, bounded(ge=0, le=0.06)] | None = Field(
        None,
        description="Difference of the price an order was sized by from the one known when it is "
        "sent, a fraction; default 0.03.",
    )
    restricted: list[Symbol] = Field(
        default_factory=list, description="Symbols of which nothing may be ordered."
    )

    def bounds(
        self, parameters: PortfolioParameters, initial_capital: float, names: int
    ) -> Mapping[str, Bound]:
        """The bound of every limit that has a number, by name.

        Args:
            initial_capital: Dollars.
            names: Symbols of the universe.
        """
        found = {
            name: Bound(default, default, 2 * default)
            for name, default in _at_most(parameters, initial_capital, names).items()
        }
        found |= {
            name: Bound(default, default, loosest, at_least=True)
            for name, (default, loosest) in _at_least(parameters).items()
        }
        for name, bound in found.items():
            given = getattr(self, name)
            if given is not None:
                found[name] = Bound(float(given), bound.default, bound.ceiling, bound.at_least)
        return found


def allowed_gross(parameters: PortfolioParameters) -> float:
    """Most gross exposure that sizing leaves: a position within the buffer stays larger."""
    return parameters.gross_cap / max(1 - parameters.buffer, 0.5)


def _at_most(
    parameters: PortfolioParameters, initial_capital: float, names: int
) -> dict[str, float]:
    gross = MARGIN * allowed_gross(parameters)
    # A whole book sold and another one bought in one session.
    turned = gross + MARGIN * parameters.gross_cap
    single = min(parameters.single_cap, parameters.gross_cap)
    # An order that crosses zero in one step closes one position and opens another.
    largest = MARGIN * single * (2 if parameters.flips == "single" else 1)
    turnover, order = max(0.30, turned), max(0.05, largest)
    capital = GROWTH * initial_capital
    return {
        "gross_exposure": max(1.0, gross),
        "gross_worst_case": max(1.0, turned),
        "short_exposure": max(1.0, turned),
        "turnover": turnover,
        "order_count": float(max(min(60, 2 * names), math.ceil(1.5 * names))),
        "session_notional_usd": max(200_000.0, turnover * capital),
        "single_name": max(0.10, MARGIN * single),
        "order_notional": order,
        "order_notional_usd": max(50_000.0, order * capital),
        "participation": 0.01,
        "reference_jump": 0.25,
        "reference_age_sessions": 1.0,
        "price_collar": 0.03,
    }


def _at_least(parameters: PortfolioParameters) -> dict[str, tuple[float, float]]:
    """Default and loosest value of what must not be too small."""
    gross = MARGIN * allowed_gross(parameters) * (1 + CUSHION)
    floor = min(0.005, 1 - gross)
    return {
        "cash_floor": (floor, min(floor, 1 - 2 * gross)),
        "minimum_price_usd": (5.0, 2.5),
        "minimum_adv_usd": (5e6, 2.5e6),
    }
