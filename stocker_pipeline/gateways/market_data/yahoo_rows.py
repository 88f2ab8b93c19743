"""Which rows of a chart are bars, what they were as traded, and which actions go with them.

Stays out: reading the answer (``yahoo_chart``) and judging prices that are only odd (``quality``).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA, PRICES
from stocker_pipeline.domain.session import NEW_YORK, SessionCalendar
from stocker_pipeline.domain.xnys import EARLIEST
from stocker_pipeline.gateways.market_data.answer import SETTLED_AFTER, last_final_session
from stocker_pipeline.gateways.market_data.asking import Rejected
from stocker_pipeline.gateways.market_data.basis import (
    later_splits,
    unsplit_volumes,
)
from stocker_pipeline.gateways.market_data.duplicates import settled
from stocker_pipeline.gateways.market_data.unadjust import (
    EVIDENCE,
    doubtful_split,
    explained_from,
    rounded_as_printed,
)
from stocker_pipeline.gateways.market_data.yahoo_chart import Chart

_RESOLUTION_USD = 1e-6
"""Yahoo rounds to six decimals and stores float32: AAPL of 1980-12-12, 28.75/224, is sent as
0.1283479928970337."""

Refusal = tuple[date | None, str, str]
"""Session (None = not known), reason, evidence."""


@dataclass(frozen=True)
class Question:
    """What was asked, and what it takes to answer it.

    The rows run from some weeks before the range, which show whether its splits were applied, to
    today, since every split up to today is in the prices.

    Attributes:
        first: First date of the range.
        last: Last date of the range.
        begin: First date asked of the source.
        today: Date in New York when it was asked, the last one asked of the source.
        final: Last session whose bar is no longer expected to change.
        calendar: Covers ``begin`` to ``today``.
    """

    first: date
    last: date
    begin: date
    today: date
    final: date
    calendar: SessionCalendar

    @classmethod
    def at(cls, now: datetime, first: date, last: date) -> "Question":
        """The question asked at this instant; ``first`` must not be after its date.

        Raises:
            InputRefused: The range begins before the calendar does.
        """
        today = now.astimezone(NEW_YORK).date()
        SessionCalendar.between(first, today)  # refuses a range before its first year
        begin = max(first - EVIDENCE, EARLIEST)
        calendar = SessionCalendar.between(begin, today)
        final = last_final_session(now, SETTLED_AFTER)
        return cls(first, last, begin, today, final, calendar)

    def includes(self, day: date) -> bool:
        """Whether the date is in the range."""
        return self.first <= day <= self.last


@dataclass(frozen=True)
class Answer:
    """One symbol's part of a provider's answer.

    Attributes:
        bars: ``BARS_SCHEMA``, sorted, in the range; may have no rows.
        actions: ``ACTIONS_SCHEMA``, sorted, in the range.
        refused: Of the range, or of an unknown date.
        nothing: Why there is no bar, where there is none.
    """

    bars: pa.Table
    actions: pa.Table
    refused: tuple[Refusal, ...]
    nothing: str

    @classmethod
    def without_bars(cls, why: str) -> "Answer":
        """The answer of a source that has nothing to say."""
        return cls(BARS_SCHEMA.empty_table(), ACTIONS_SCHEMA.empty_table(), (), why)


def answered(chart: Chart, symbol: str, question: Question) -> Answer:
    """The bars and actions in a chart, as traded.

    ``adj_close`` stays as sent: adjusted for every split and dividend up to now, by the formula of
    CRSP. It compares only with values that were received at the same time. It is unknown where it
    does not follow from the dividends that Yahoo states.

    Args:
        symbol: As Stocker writes it.

    Raises:
        Rejected: The prices contradict a split that Yahoo states.
    """
    rows, refused = _usable_rows(chart, question)
    days = chart.stamps[rows].astype("datetime64[D]")
    sent = {name: values[rows] for name, values in chart.numbers.items()}
    splits = [split for split in chart.splits if split.ex_date <= question.today]
    prices = {name: sent[name] for name in PRICES}
    doubt = doubtful_split(days, prices, splits, since=question.first, resolution=_RESOLUTION_USD)
    if doubt:
        raise Rejected(doubt)
    numerator, denominator = later_splits(days, splits)
    numbers = {
        name: rounded_as_printed(prices[name], numerator / denominator, resolution=_RESOLUTION_USD)
        for name in PRICES
    }
    numbers["volume"] = unsplit_volumes(days, sent["volume"], splits)
    numbers["adj_close"], unexplained = _explained_adjusted_close(days, sent, chart)
    actions, unclear = _actions(chart, symbol, question)
    inside = (days >= np.datetime64(question.first)) & (days <= np.datetime64(question.last))
    refused += unclear
    if (inside & np.isnan(numbers["adj_close"]) & (sent["adj_close"] > 0)).any():
        refused += unexplained
    kept = [each for each in refused if each[0] is None or question.includes(each[0])]
    return Answer(
        _bars(symbol, days[inside], {n: v[inside] for n, v in numbers.items()}),
        actions,
        tuple(sorted(kept, key=lambda each: (each[0] or date.min, each[1:]))),
        "" if inside.any() else _why_none(days, kept, question),
    )


def _usable_rows(chart: Chart, question: Question) -> tuple[np.ndarray, list[Refusal]]:
    """Rows that are bars, oldest first, one a session; and the others with reasons."""
    days = chart.stamps.astype("datetime64[D]")
    unreadable = np.zeros(len(days), dtype=bool)
    unreadable[list(chart.unreadable)] = True
    asked = (days >= np.datetime64(question.begin)) & (days <= np.datetime64(question.today))
    is_session = np.zeros(len(days), dtype=bool)
    is_session[asked] = question.calendar.are_sessions(days[asked])
    empty = np.all([np.isnan(chart.numbers[name]) for name in PRICES], axis=0)
    bounds = f"{question.begin} to {question.today}"
    left = np.ones(len(days), dtype=bool)
    refused: list[Refusal] = []
    for against, reason, text in (
        (unreadable, "unreadable", ""),
        (~asked, "unreadable", f"not asked for: the question was {bounds}"),
        (~is_session, "not_a_session", "the exchange does not trade on this date"),
        (
            days > np.datetime64(question.final),
            "live_row",
            "its session is not over, or not for long enough",
        ),
        (empty, "no_numbers", "no price at all"),
    ):
        for row in np.flatnonzero(against & left).tolist():
            # A date that is in doubt is no session of the range, but is reported with it.
            day = days[row].item() if asked[row] and not unreadable[row] else None
            what = text or chart.unreadable[row]
            refused.append((day, reason, f"{what}; {_row_text(chart, row)}"))
        left &= ~against
    rows = np.flatnonzero(left)
    rows = rows[np.argsort(chart.stamps[rows], kind="stable")]
    kept: list[int] = []
    for group in np.split(rows, np.flatnonzero(np.diff(days[rows]).astype(np.int64)) + 1):
        kept += _of_one_session(chart, group.tolist(), refused)
    return np.array(kept, dtype=np.int64), refused


def _of_one_session(chart: Chart, rows: list[int], refused: list[Refusal]) -> list[int]:
    """The row of a session, or none; the others are refused.

    Yahoo adds a row of its own for the last session, stamped later than the day's: the first has
    the volume that was known at the close. So the latest stamp counts, as yfinance has it.
    """
    if len(rows) <= 1:
        return rows
    day = chart.stamps[rows[-1]].astype("datetime64[D]").item()
    newest = [row for row in rows if chart.stamps[row] == chart.stamps[rows[-1]]]
    for row in rows[: -len(newest)]:
        text = f"{_row_text(chart, row)}; a later row counts: {_row_text(chart, newest[0])}"
        refused.append((day, "live_row", text))
    numbers = [[float(values[row]) for values in chart.numbers.values()] for row in newest]
    kept, others = settled(numbers, [_row_text(chart, row) for row in newest])
    refused += [(day, "duplicate", text) for _, text in others]
    return [] if kept is None else [newest[kept]]


def _explained_adjusted_close(
    days: np.ndarray, sent: dict[str, np.ndarray], chart: Chart
) -> tuple[np.ndarray, list[Refusal]]:
    """The adjusted close without what does not follow from the dividends stated."""
    dividend, unchecked = np.zeros(len(days)), np.zeros(len(days), dtype=bool)
    for events in (chart.dividends, chart.gains):
        for day, amount in events.items():
            row = int(np.searchsorted(days, np.datetime64(day)))
            if row < len(days):
                dividend[row] += amount
                # Whether a fund's gain is in its dividend too, Yahoo does not say.
                unchecked[row] |= events is chart.gains
    adjusted = np.where(sent["adj_close"] > 0, sent["adj_close"], np.nan)
    begin = explained_from(
        sent["close"], adjusted, dividend, unchecked=unchecked, resolution=_RESOLUTION_USD
    )
    if begin == 0:
        return adjusted, []
    adjusted[:begin] = np.nan
    text = f"adj_close before {days[begin]} left out: its step there is not that of the dividend, "
    return adjusted, [(None, "unreadable", f"{text}{dividend[begin]:.6g} dollars as sent")]


def _actions(chart: Chart, symbol: str, question: Question) -> tuple[pa.Table, list[Refusal]]:
    """Splits and dividends of the range, dividends as paid."""
    refused = [
        (day, "unreadable", f"{what} dated after today, {question.today}")
        for day, what in _announced(chart)
        if day > question.today
    ]
    cash, unclear = _cash(chart)
    inside = sorted(
        day
        for day in {*cash, *(split.ex_date for split in chart.splits)}
        if question.includes(day) and day <= question.today
    )
    days = np.array(inside, dtype="datetime64[D]")
    splits = [split for split in chart.splits if split.ex_date <= question.today]
    ratio = {split.ex_date: float(split.ratio) for split in splits}
    numerator, denominator = later_splits(days, splits)
    paid = rounded_as_printed(
        np.array([cash.get(day, 0.0) for day in inside]),
        numerator / denominator,
        resolution=_RESOLUTION_USD,
    )
    columns = [
        pa.repeat(pa.scalar(symbol), len(inside)),
        pa.array(inside, pa.date32()),
        pa.array([ratio.get(day, 1.0) for day in inside], pa.float64()),
        pa.array(paid, pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=ACTIONS_SCHEMA), refused + unclear


def _cash(chart: Chart) -> tuple[dict[date, float], list[Refusal]]:
    """Split-adjusted dollars per share by ex-date, a fund's capital gains included.

    Yahoo sometimes adds a gain to the dividend of its day and sometimes not (yfinance guesses from
    the price). A gain larger than the dividend cannot be in it; otherwise nobody knows, and the
    dividend alone is taken.
    """
    cash = dict(chart.dividends)
    refused: list[Refusal] = []
    for day, gain in chart.gains.items():
        dividend = chart.dividends.get(day, 0.0)
        if gain > dividend:
            cash[day] = dividend + gain
        else:
            text = f"a capital gain of {gain:.6g}, which the dividend of {dividend:.6g} may contain"
            refused.append((day, "unreadable", f"{text}; not paid out beside it"))
    return cash, refused


def _announced(chart: Chart) -> Iterator[tuple[date, str]]:
    yield from ((split.ex_date, f"a split of {split.ratio}") for split in chart.splits)
    yield from ((day, f"a dividend of {amount:.6g}") for day, amount in chart.dividends.items())
    yield from ((day, f"a capital gain of {gain:.6g}") for day, gain in chart.gains.items())


def _bars(symbol: str, days: np.ndarray, numbers: dict[str, np.ndarray]) -> pa.Table:
    columns = [pa.repeat(pa.scalar(symbol), len(days)), pa.array(days, pa.date32())]
    columns += [pa.array(values, pa.float64(), from_pandas=True) for values in numbers.values()]
    return pa.Table.from_arrays(columns, schema=BARS_SCHEMA)


def _why_none(days: np.ndarray, refused: list[Refusal], question: Question) -> str:
    reasons = Counter(reason for _, reason, _ in refused)
    if reasons:
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        return f"no bar in the range asked for; rows refused: {counts}"
    if not len(days):
        return f"no bar from {question.begin} to {question.today}"
    since = f"since {question.begin} it has bars"
    return f"no bar in the range asked for; {since} from {days[0]} to {days[-1]}"


def _row_text(chart: Chart, row: int) -> str:
    values = {name: numbers[row] for name, numbers in chart.numbers.items() if name != "adj_close"}
    known = [f"{name} {value:.10g}" for name, value in values.items() if not np.isnan(value)]
    return f"stamped {chart.stamps[row]} in New York: {', '.join(known) or 'no numbers'}"
