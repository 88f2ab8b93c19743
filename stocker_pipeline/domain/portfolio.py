"""The parameters that every portfolio has, with their units, bounds and compiled ceilings.

Names and defaults are those of the rule sheet's last table. A strategy's own parameters subclass
``PortfolioParameters``. What stays out: the strategies, and how a parameter is used.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LEVERAGE_CEILING = 10.0
"""No configuration passes this: not max_leverage, not gross_cap, not single_cap."""

SYMBOL_PATTERN = r"^[A-Z][A-Z0-9.\-]{0,9}$"
Symbol = Annotated[str, Field(pattern=SYMBOL_PATTERN)]


def bounded(*, le: float, gt: float | None = None, ge: float | None = None) -> Any:
    """A finite number up to ``le``; the same bound in a form that a NaN breaks in JSON schema too.

    ``NaN < minimum`` is false, so a schema's minimum lets a NaN pass. Its negation does not.
    """
    return Field(
        gt=gt,
        ge=ge,
        le=le,
        allow_inf_nan=False,
        json_schema_extra={"not": {"type": "number", "exclusiveMinimum": le}},
    )


Buffer = Annotated[
    float,
    Field(
        ge=0, lt=1, allow_inf_nan=False, json_schema_extra={"not": {"type": "number", "minimum": 1}}
    ),
]
Decay = Annotated[float, bounded(gt=0, le=1)]
Multiple = Annotated[float, bounded(gt=0, le=LEVERAGE_CEILING)]
Drawdown = Annotated[float, bounded(gt=0, le=1)]
Share = Annotated[float, bounded(ge=0, le=1)]


class PortfolioParameters(BaseModel):
    """Sizing, breaker, rebalancing and execution: what the engine does with a strategy's weights.

    Only ``target_vol``, ``drawdown_recover`` and ``max_participation`` may be null;
    ``portfolio_lambda`` and ``max_leverage`` may be null beside a null ``target_vol``, which
    switches them off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target_vol: Annotated[float, bounded(gt=0, le=10)] | None = Field(
        0.10,
        description="Volatility the book is scaled to, per year as a fraction; null = no scaling.",
    )
    portfolio_lambda: Decay | None = Field(
        0.97, description="Decay per session of the weights in the book's forecast volatility."
    )
    max_leverage: Multiple | None = Field(
        3.0, description="Ceiling of the volatility target's factor, a multiple."
    )
    single_cap: Multiple = Field(
        0.35, description="Largest weight of one symbol, as a multiple of NAV."
    )
    gross_cap: Multiple = Field(
        1.5, description="Largest sum of absolute weights, as a multiple of NAV."
    )
    drawdown_trip: Drawdown = Field(
        0.10, description="Drawdown from the peak above which the breaker trips, a fraction."
    )
    drawdown_recover: Share | None = Field(
        0.05,
        description="Drawdown below which a tripped breaker recovers; null = no memory.",
    )
    drawdown_scale: Share = Field(
        0.5, description="What every target is multiplied by while the breaker is tripped."
    )
    buffer: Buffer = Field(
        0.10, description="No order for a change of at most this fraction of the position; 0 = off."
    )
    min_notional: Annotated[float, bounded(ge=0, le=1e9)] = Field(
        50.0, description="No order for a change worth less than this, in dollars."
    )
    slippage_bps: Annotated[float, bounded(ge=0, le=1000)] = Field(
        5.0, description="Simulated fills are this much worse than the open, in basis points."
    )
    commission_per_order: Annotated[float, bounded(ge=0, le=1000)] = Field(
        1.0, description="Commission per filled order, in dollars."
    )
    commission_per_share: Annotated[float, bounded(ge=0, le=100)] = Field(
        0.0, description="Commission per filled share, in dollars."
    )
    max_participation: Annotated[float, bounded(gt=0, le=1)] | None = Field(
        None, description="Largest part of a session's volume one order may fill; null = no limit."
    )
    price_basis: Literal["raw", "adjusted"] = Field(
        "raw", description="Prices for money: raw as traded, or adjusted for comparison only."
    )
    flips: Literal["two_step", "single"] = Field(
        "two_step",
        description="Whether an order may cross zero (single) or closes first (two_step).",
    )
    data_outage: Literal["hold", "reduce", "halt"] = Field(
        "hold",
        description="In a session that opens without bars it should have: trade the other symbols "
        "(hold), only reduce and close positions (reduce), or order nothing (halt).",
    )
    data_outage_tolerance: Share = Field(
        0.0,
        description="Part of the expected symbols that may lack a bar before that is an outage, a "
        "fraction.",
    )

    @model_validator(mode="after")
    def _bounds_between_parameters(self) -> Self:
        for name in ("portfolio_lambda", "max_leverage"):
            if getattr(self, name) is None and self.target_vol is not None:
                raise ValueError(f"{name} may be null only where target_vol is null")
        recover = self.drawdown_recover
        if recover is not None and recover > self.drawdown_trip:
            raise ValueError(
                f"drawdown_recover was {recover}, above drawdown_trip {self.drawdown_trip}: "
                "the breaker would trip and recover at once"
            )
        if self.price_basis == "adjusted" and self.max_participation is not None:
            raise ValueError(
                f"max_participation was {self.max_participation} with price_basis adjusted: volume "
                "is raw, adjusted share counts are not; set it to null or use price_basis raw"
            )
        return self
