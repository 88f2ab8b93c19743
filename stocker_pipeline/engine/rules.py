"""The numbers the kernels need, without their names' history: one flat tuple of scalars."""

from typing import NamedTuple


class Rules(NamedTuple):
    """Parameters of E10–E23 as plain scalars; NaN stands for null where null is allowed.

    ``outage_restraint`` is the ``Restraint`` of a session that opens with a data outage.
    """

    window: int
    target_vol: float
    portfolio_lambda: float
    max_leverage: float
    single_cap: float
    gross_cap: float
    drawdown_trip: float
    drawdown_recover: float
    drawdown_scale: float
    buffer: float
    min_notional: float
    slippage_bps: float
    commission_per_order: float
    commission_per_share: float
    max_participation: float
    two_step: bool
    outage_restraint: int
    outage_tolerance: float
