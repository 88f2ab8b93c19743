"""Returns, drawdowns and calendar months of one series of net asset values.

Everything here takes arrays and knows nothing of trades. A series is one number per session; the
capital before the first session is the number before the first.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

SESSIONS_PER_YEAR = 252
_FLOAT_NOISE = 1e-12
"""Relative difference below which two levels of a compounded series count as equal."""


@dataclass(frozen=True, slots=True)
class DrawdownEpisode:
    """A fall from a peak until that peak is reached again.

    Attributes:
        depth_frac: Largest loss from the peak, as a positive fraction of the peak.
        peak_session: Session of the peak; None where it is the initial capital itself.
        trough_session: Session of the largest loss.
        recovery_session: First session back at the peak; None where that has not happened.
        sessions: Sessions from the peak to the recovery, or to the last session.
        sessions_to_trough: Sessions from the peak to the trough.
    """

    depth_frac: float
    peak_session: date | None
    trough_session: date
    recovery_session: date | None
    sessions: int
    sessions_to_trough: int


@dataclass(frozen=True, eq=False)
class MonthlyReturns:
    """Compounded returns by calendar month, consecutive; the first and last may be part months.

    Attributes:
        months: datetime64[M], without holes.
        values: Returns as fractions; 0.0 for a month without a session.
        has_session: Whether the month has a session at all.
    """

    months: np.ndarray
    values: np.ndarray
    has_session: np.ndarray


def time_weighted_returns(nav: np.ndarray, flows: np.ndarray, initial_capital: float) -> np.ndarray:
    """Return of each session with deposits and withdrawals taken out.

    ``r_t = (nav_t − (flows_t − flows_{t−1}))/nav_{t−1} − 1``: ENGINE E28 books a flow at the close,
    after everything else of the session, so what was earned on the session is known exactly and no
    weighting within the period is needed (Global Investment Performance Standards, true
    time-weighted return). A nav of zero or below ends the series: that session returns −1 and every
    later one 0, because a return on nothing is not defined; what is owed shows in the nav.

    Args:
        nav: Dollars at each close.
        flows: Total of deposits less withdrawals since the start, dollars.
        initial_capital: Dollars before the first session, above zero.
    """
    if not len(nav):
        return np.empty(0)
    before = np.concatenate(([initial_capital], nav[:-1]))
    earned = nav - np.diff(flows, prepend=0.0)
    ruined = np.flatnonzero((earned <= 0) | (before <= 0))
    returns = np.zeros(len(nav))
    alive = int(ruined[0]) if len(ruined) else len(nav)
    returns[:alive] = earned[:alive] / before[:alive] - 1.0
    if alive < len(nav):
        returns[alive] = -1.0
    return returns


def wealth_index(returns: np.ndarray) -> np.ndarray:
    """What one dollar became: 1.0 before the first session, then one value per session."""
    return np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def drawdowns(returns: np.ndarray) -> np.ndarray:
    """Loss from the highest level so far, as a fraction ≥ 0, one value per session."""
    index = wealth_index(returns)
    loss = 1.0 - index / np.maximum.accumulate(index)
    loss[loss < _FLOAT_NOISE] = 0.0
    return loss[1:]


def drawdown_episodes(sessions: np.ndarray, returns: np.ndarray) -> list[DrawdownEpisode]:
    """Every drawdown, the deepest first, equal ones in order of time."""
    loss = np.concatenate(([0.0], drawdowns(returns), [0.0]))
    edges = np.diff((loss > 0).astype(np.int8))
    # Position 0 is the initial capital, so the session of position p is sessions[p - 1].
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) + 1
    episodes = []
    for peak, end in zip(starts.tolist(), ends.tolist(), strict=True):
        trough = peak + 1 + int(np.argmax(loss[peak + 1 : end]))
        recovered = end <= len(returns)
        episodes.append(
            DrawdownEpisode(
                depth_frac=float(loss[trough]),
                peak_session=as_date(sessions[peak - 1]) if peak else None,
                trough_session=as_date(sessions[trough - 1]),
                recovery_session=as_date(sessions[end - 1]) if recovered else None,
                sessions=(end if recovered else len(returns)) - peak,
                sessions_to_trough=trough - peak,
            )
        )
    return sorted(episodes, key=lambda episode: -episode.depth_frac)


def monthly_returns(sessions: np.ndarray, returns: np.ndarray) -> MonthlyReturns:
    """Compound the returns of each calendar month."""
    if not len(sessions):
        return MonthlyReturns(np.empty(0, "datetime64[M]"), np.empty(0), np.empty(0, bool))
    of_session = sessions.astype("datetime64[M]")
    months = np.arange(of_session[0], of_session[-1] + np.timedelta64(1, "M"))
    starts = np.searchsorted(of_session, months)
    ends = np.searchsorted(of_session, months, side="right")
    index = wealth_index(returns)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = index[ends] / index[starts] - 1.0
    values[index[starts] == 0] = 0.0
    return MonthlyReturns(months, values, ends > starts)


def worst_compounded(monthly: MonthlyReturns, months: int) -> float | None:
    """Lowest compounded return over ``months`` consecutive calendar months; None if too few."""
    if len(monthly.values) < months:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(1.0 + monthly.values, months)
    return float(windows.prod(axis=1).min() - 1.0)


def rolling_volatility(returns: np.ndarray, window: int = SESSIONS_PER_YEAR) -> np.ndarray:
    """Annual standard deviation of the last ``window`` returns; NaN before there are that many."""
    out = np.full(len(returns), np.nan)
    if window <= len(returns):
        windows = np.lib.stride_tricks.sliding_window_view(returns, window)
        out[window - 1 :] = windows.std(axis=1, ddof=1) * np.sqrt(SESSIONS_PER_YEAR)
    return out


def rolling_sharpe(returns: np.ndarray, window: int = SESSIONS_PER_YEAR) -> np.ndarray:
    """Sharpe ratio of the last ``window`` returns, risk-free rate 0; NaN where it has none."""
    out = np.full(len(returns), np.nan)
    if window <= len(returns):
        windows = np.lib.stride_tricks.sliding_window_view(returns, window)
        deviation = windows.std(axis=1, ddof=1)
        moves = deviation > _FLOAT_NOISE
        out[window - 1 :][moves] = (
            windows.mean(axis=1)[moves] / deviation[moves] * np.sqrt(SESSIONS_PER_YEAR)
        )
    return out


def as_date(day: np.datetime64) -> date:
    """A numpy day as a plain date."""
    plain = day.astype("datetime64[D]").item()
    assert isinstance(plain, date)
    return plain
