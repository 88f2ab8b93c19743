"""The metrics of a track record: their names, units, signs and formulas, and how each is computed.

Every field says what it is; the description is what the tear sheet and the command line show. A
value that is not defined (too few sessions, no volatility, no losing trade) is None and never NaN
or infinite. One year is 252 sessions throughout. Where the field's name allows several
definitions, ours is that of ``empyrical``, and the description says where it is not.
"""

import math
from datetime import date
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stocker_pipeline.analytics.benchmarks import Benchmark
from stocker_pipeline.analytics.costs import slippage_of_fills, traded_notional
from stocker_pipeline.analytics.record import TrackRecord, floats_of
from stocker_pipeline.analytics.returns import (
    SESSIONS_PER_YEAR,
    as_date,
    drawdown_episodes,
    monthly_returns,
    wealth_index,
    worst_compounded,
)
from stocker_pipeline.analytics.trades import RoundTrip, round_trips

_NO_VOLATILITY = 1e-12
"""A standard deviation of returns below this is rounding noise of a constant series."""


def _metric(label: str, unit: str, explanation: str) -> Any:
    return Field(title=label, description=explanation, json_schema_extra={"unit": unit})


class ReturnMetrics(BaseModel):
    """What follows from the nav series alone, for a portfolio or for a benchmark.

    Returns are time-weighted: deposits and withdrawals are taken out. The first return runs from
    the initial capital to the first close.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sessions: int = _metric("Sessions", "count", "Trading sessions in the record.")
    start: date | None = _metric("First session", "date", "First session of the record.")
    end: date | None = _metric("Last session", "date", "Last session of the record.")
    max_drawdown: float | None = _metric(
        "Maximum drawdown",
        "fraction",
        "Largest loss from an earlier high, as a positive fraction of that high; the initial"
        " capital counts as the first high. Same as empyrical's, with the sign turned.",
    )
    max_drawdown_sessions: int | None = _metric(
        "Its length, sessions",
        "sessions",
        "Sessions from the high before the maximum drawdown until it was reached again, or until"
        " the last session.",
    )
    max_drawdown_peak_session: date | None = _metric(
        "Its high",
        "date",
        "Session of the high before the maximum drawdown; empty if it began with the capital.",
    )
    max_drawdown_trough_session: date | None = _metric(
        "Its low", "date", "Session with the largest loss."
    )
    max_drawdown_recovery_session: date | None = _metric(
        "Recovered", "date", "First session back at the high; empty if that has not happened."
    )
    worst_1_month: float | None = _metric(
        "Worst month",
        "fraction",
        "Lowest return of a calendar month. The first and last month may be part months.",
    )
    worst_3_months: float | None = _metric(
        "Worst 3 months",
        "fraction",
        "Lowest compounded return of three calendar months in a row.",
    )
    worst_12_months: float | None = _metric(
        "Worst 12 months",
        "fraction",
        "Lowest compounded return of twelve calendar months in a row.",
    )
    volatility: float | None = _metric(
        "Volatility",
        "fraction",
        "Standard deviation of session returns (n - 1 in the denominator) times sqrt(252).",
    )
    total_return: float | None = _metric(
        "Total return",
        "fraction",
        "Compounded return of all sessions. Not below -100%: what is owed beyond that shows in"
        " the final nav.",
    )
    cagr: float | None = _metric(
        "Return a year (CAGR)",
        "fraction",
        "(1 + total return)^(252/sessions) - 1. Under a year it is an extrapolation.",
    )
    sharpe: float | None = _metric(
        "Sharpe ratio",
        "ratio",
        "Mean session return over its standard deviation, times sqrt(252); the risk-free rate is"
        " taken as 0 (W. F. Sharpe, 1994).",
    )
    sortino: float | None = _metric(
        "Sortino ratio",
        "ratio",
        "Mean session return times 252, over the annual downside deviation sqrt(252 * mean(min(r,"
        " 0)^2)), the mean taken over all sessions; the required return is 0 (F. A. Sortino).",
    )
    calmar: float | None = _metric(
        "Calmar ratio",
        "ratio",
        "Return a year over maximum drawdown, both over the whole record (T. W. Young, 1991, used"
        " the last 36 months).",
    )
    winning_months_frac: float | None = _metric(
        "Winning months",
        "fraction",
        "Calendar months with a return above zero, of all that have a session.",
    )


class Metrics(ReturnMetrics):
    """The whole set for a portfolio, with what its trading did and cost."""

    initial_capital: float = _metric(
        "Initial capital", "usd", "Dollars before the first session: the nav that it began with."
    )
    final_nav: float = _metric("Final nav", "usd", "Net asset value at the last close, dollars.")
    net_flows_usd: float = _metric(
        "Deposits less withdrawals", "usd", "Outside money added (+) or taken out (-), dollars."
    )
    target_vol: float | None = _metric(
        "Target volatility", "fraction", "Annual volatility that the strategy aimed at, if any."
    )
    volatility_to_target: float | None = _metric(
        "Volatility over target", "ratio", "Volatility divided by the target; 1 is on target."
    )
    gross_exposure_mean: float | None = _metric(
        "Gross exposure, mean",
        "fraction",
        "Mean over closes of (longs + shorts without their sign) / nav.",
    )
    gross_exposure_max: float | None = _metric(
        "Gross exposure, highest", "fraction", "Highest gross exposure at a close."
    )
    net_exposure_mean: float | None = _metric(
        "Net exposure, mean", "fraction", "Mean over closes of (longs - shorts) / nav, signed."
    )
    turnover_annual: float | None = _metric(
        "Turnover a year",
        "fraction",
        "Half of all dollars bought and sold, over the mean nav and the years (sessions/252):"
        " selling the whole book to buy another one is 100%.",
    )
    commissions: float = _metric("Commissions", "usd", "Total of commissions, dollars paid.")
    slippage_usd: float | None = _metric(
        "Slippage",
        "usd",
        "Dollars lost between the open of the session and the fill price, all fills; positive is a"
        " loss. Empty where a fill has no bar to compare with.",
    )
    costs_frac_annual: float | None = _metric(
        "Costs a year",
        "fraction",
        "Commissions and slippage over the mean nav and the years. Already inside all returns.",
    )
    trades: int = _metric(
        "Trades",
        "count",
        "Round trips: shares of one lot, first in first out, closed by one fill. Open lots do not"
        " count.",
    )
    win_rate: float | None = _metric(
        "Winning trades",
        "fraction",
        "Trades with a profit above zero, of all. Trade profits are after slippage and before"
        " commissions and dividends.",
    )
    average_win_usd: float | None = _metric(
        "Average win", "usd", "Mean profit of the winning trades, dollars, above zero."
    )
    average_loss_usd: float | None = _metric(
        "Average loss", "usd", "Mean profit of the losing trades, dollars, below zero."
    )
    profit_factor: float | None = _metric(
        "Profit factor", "ratio", "Sum of winning trades over the sum of losing ones, unsigned."
    )
    average_trade_sessions: float | None = _metric(
        "Average trade, sessions",
        "sessions",
        "Mean sessions from opening to closing, weighted by the dollars at entry, so that the small"
        " trims of a rebalance do not outweigh the positions.",
    )


def performance_metrics(record: TrackRecord) -> Metrics:
    """Every metric of a record. A record without sessions has zeros and None.

    Raises:
        InputRefused: Fills and positions disagree (see ``round_trips``).
    """
    base = return_metrics(record.sessions, record.returns)
    over_target = base.volatility is not None and record.target_vol is not None
    return Metrics(
        **base.model_dump(),
        initial_capital=record.initial_capital,
        final_nav=float(record.nav[-1]) if len(record.nav) else 0.0,
        net_flows_usd=float(record.flows[-1]) if len(record.flows) else 0.0,
        target_vol=record.target_vol,
        volatility_to_target=(
            _ratio(base.volatility or 0.0, record.target_vol or 0.0) if over_target else None
        ),
        **_exposure_fields(record),
        **_cost_fields(record),
        **_trade_fields(round_trips(record)),
    )


def benchmark_metrics(record: TrackRecord, benchmark: Benchmark) -> ReturnMetrics:
    """The metrics of a benchmark over the sessions of a record."""
    return return_metrics(record.sessions, benchmark.returns)


def return_metrics(sessions: np.ndarray, returns: np.ndarray) -> ReturnMetrics:
    """Metrics of a series of session returns.

    Args:
        sessions: datetime64[D], ascending.
        returns: Fractions, one per session, none below −1.
    """
    count = len(returns)
    if not count:
        undefined: dict[str, Any] = dict.fromkeys(ReturnMetrics.model_fields)
        return ReturnMetrics(**{**undefined, "sessions": 0})
    final = float(wealth_index(returns)[-1])
    episodes = drawdown_episodes(sessions, returns)
    deepest = episodes[0] if episodes else None
    max_drawdown = deepest.depth_frac if deepest else 0.0
    monthly = monthly_returns(sessions, returns)
    cagr = _power(final, SESSIONS_PER_YEAR / count) if count > 1 else None
    return ReturnMetrics(
        sessions=count,
        start=as_date(sessions[0]),
        end=as_date(sessions[-1]),
        max_drawdown=max_drawdown,
        max_drawdown_sessions=deepest.sessions if deepest else 0,
        max_drawdown_peak_session=deepest.peak_session if deepest else None,
        max_drawdown_trough_session=deepest.trough_session if deepest else None,
        max_drawdown_recovery_session=deepest.recovery_session if deepest else None,
        worst_1_month=worst_compounded(monthly, 1),
        worst_3_months=worst_compounded(monthly, 3),
        worst_12_months=worst_compounded(monthly, 12),
        winning_months_frac=float((monthly.values[monthly.has_session] > 0).mean()),
        total_return=_finite(final - 1.0),
        cagr=None if cagr is None else cagr - 1.0,
        calmar=None if cagr is None else _ratio(cagr - 1.0, max_drawdown),
        **_dispersion_fields(returns),
    )


def _dispersion_fields(returns: np.ndarray) -> dict[str, Any]:
    if len(returns) < 2:
        return {"volatility": None, "sharpe": None, "sortino": None}
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    year = math.sqrt(SESSIONS_PER_YEAR)
    steady = deviation < _NO_VOLATILITY
    return {
        "volatility": 0.0 if steady else _finite(deviation * year),
        "sharpe": None if steady else _ratio(mean * year, deviation),
        "sortino": None if downside < _NO_VOLATILITY else _ratio(mean * year, downside),
    }


def _exposure_fields(record: TrackRecord) -> dict[str, Any]:
    gross = floats_of(record.snapshots, "gross_exposure")
    net = floats_of(record.snapshots, "net_exposure")
    # An exposure of a book without value is no number; such closes are left out of the mean.
    gross, net = gross[np.isfinite(gross)], net[np.isfinite(net)]
    return {
        "gross_exposure_mean": float(gross.mean()) if len(gross) else None,
        "gross_exposure_max": float(gross.max()) if len(gross) else None,
        "net_exposure_mean": float(net.mean()) if len(net) else None,
    }


def _cost_fields(record: TrackRecord) -> dict[str, Any]:
    paid = floats_of(record.snapshots, "commissions")
    commissions = float(paid[-1]) if len(paid) else 0.0
    slipped = slippage_of_fills(record)
    slippage = None if slipped is None else math.fsum(slipped.tolist())
    years = len(record.nav) / SESSIONS_PER_YEAR
    nav_years = float(record.nav.mean()) * years if len(record.nav) else 0.0
    traded = math.fsum(traded_notional(record).tolist())
    costs = None if slippage is None else commissions + slippage
    return {
        "turnover_annual": _ratio(traded / 2, nav_years),
        "commissions": commissions,
        "slippage_usd": slippage,
        "costs_frac_annual": None if costs is None else _ratio(costs, nav_years),
    }


def _trade_fields(trips: list[RoundTrip]) -> dict[str, Any]:
    wins = [trip.profit_usd for trip in trips if trip.profit_usd > 0]
    losses = [trip.profit_usd for trip in trips if trip.profit_usd < 0]
    weight = math.fsum(trip.entry_value_usd for trip in trips)
    held = math.fsum(trip.entry_value_usd * trip.sessions_held for trip in trips)
    won, lost = math.fsum(wins), math.fsum(losses)
    return {
        "trades": len(trips),
        "win_rate": len(wins) / len(trips) if trips else None,
        "average_win_usd": won / len(wins) if wins else None,
        "average_loss_usd": lost / len(losses) if losses else None,
        "profit_factor": _ratio(won, -lost),
        "average_trade_sessions": _ratio(held, weight),
    }


def _ratio(above: float, below: float) -> float | None:
    """A quotient; None where the denominator is zero or negative, or the result not finite."""
    return _finite(above / below) if below > 0 else None


def _power(base: float, exponent: float) -> float | None:
    try:
        return _finite(base**exponent)
    except OverflowError:
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
