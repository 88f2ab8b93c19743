"""The bounds that the monitors of a portfolio judge by, with their units, defaults and ceilings.

Written in a portfolio's YAML under ``monitors``. The monitors themselves, and what they do, are
``risk.monitors`` and ``stages.monitor``; what an order may be is not judged here.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stocker_pipeline.domain.portfolio import bounded


def _count(*, ge: int, le: int) -> Any:
    return Field(ge=ge, le=le)


class MonitorBounds(BaseModel):
    """When a monitor speaks up. None of the monitors of losses and of truth can be switched off."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    daily_loss_reduce: Annotated[float, bounded(gt=0, le=0.20)] = Field(
        0.03, description="Loss of one session, flows taken out, from which the book only reduces."
    )
    drawdown_reduce: Annotated[float, bounded(gt=0, le=0.50)] = Field(
        0.10, description="Drawdown from the peak from which the book only reduces, a fraction."
    )
    drawdown_kill: Annotated[float, bounded(gt=0, le=0.90)] | None = Field(
        0.20, description="Drawdown from which nothing is sent at all; null = never for that alone."
    )
    locked_symbols: Annotated[int, _count(ge=0, le=100)] = Field(
        3, description="Symbols that breaks may lock at a time before the portfolio is killed."
    )
    unclean_reconciliations: Annotated[int, _count(ge=1, le=100)] = Field(
        6, description="Reconciliations in a row that find a difference before it is killed."
    )
    stale_bars_sessions: Annotated[int, _count(ge=0, le=5)] = Field(
        0, description="Sessions that the newest bar of a symbol may be behind at the decision."
    )
    unfilled_minutes: Annotated[int, _count(ge=1, le=390)] = Field(
        60, description="Minutes after the open by which every order has its end."
    )
    drift: Annotated[float, bounded(gt=0, le=1)] = Field(
        0.05, description="Distance of a position from its target that is normal, of NAV."
    )
    drift_sessions: Annotated[int, _count(ge=1, le=60)] = Field(
        3, description="Sessions in a row that a position may be further away than that."
    )
    volatility_multiple: Annotated[float, bounded(gt=1, le=10)] = Field(
        2.0, description="Realised volatility of the book that is too much, times target_vol."
    )
    volatility_sessions: Annotated[int, _count(ge=5, le=252)] = Field(
        20, description="Sessions that realised volatility is measured over."
    )
    idle_target_change: Annotated[float, bounded(gt=0, le=10)] = Field(
        0.25,
        description="Change of targets without a fill that is too much: sum over symbols, of NAV.",
    )

    @model_validator(mode="after")
    def _kill_is_beyond_reduce(self) -> Self:
        kill = self.drawdown_kill
        if kill is not None and kill < self.drawdown_reduce:
            raise ValueError(
                f"drawdown_kill was {kill}, below drawdown_reduce {self.drawdown_reduce}: "
                "the book would be killed before it reduces"
            )
        return self
