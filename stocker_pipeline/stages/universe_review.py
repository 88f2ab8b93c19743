"""What a person should know about a portfolio's universe once a month.

Who came and went since the month before, who does not keep a bound or would, who cannot be traded
or sold short, who has too little history or no recent bar, and how members spread over sectors.
Reads bars before the session alone, as membership does. Changes nothing: membership follows the
rules of the YAML (``strategies.universe``), and what is done about a finding is a person's matter.
"""

import enum
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import SessionCalendar
from stocker_pipeline.engine.membership import Measures, broken_bounds, measured
from stocker_pipeline.engine.panel import bar_matrix
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS
from stocker_pipeline.quality.gate import judge as gate
from stocker_pipeline.stages.instruments import instruments_of
from stocker_pipeline.stages.judgement import Judge, live_bars
from stocker_pipeline.stages.market import current_bars
from stocker_pipeline.stages.session_quality import GONE_AFTER_SESSIONS
from stocker_pipeline.strategies.portfolio import Portfolio
from stocker_pipeline.strategies.universe import UniverseFilter

UNKNOWN_SECTOR = "unknown"
_DAYS_OF_TWO_MONTHS = timedelta(days=70)


class Note(enum.StrEnum):
    """What is said of a symbol."""

    JOINED = "joined"
    LEFT = "left"
    ENTERS_NEXT = "enters_next"
    LEAVES_NEXT = "leaves_next"
    BELOW_PRICE = "below_price"
    BELOW_DOLLAR_VOLUME = "below_dollar_volume"
    BELOW_HISTORY = "below_history"
    OLD_BAR = "old_bar"
    NO_BARS = "no_bars"
    NO_RECENT_BAR = "no_recent_bar"
    DELISTED = "delisted"
    HISTORY_TOO_SHORT = "history_too_short"
    NOT_TRADABLE = "not_tradable"
    NOT_SHORTABLE = "not_shortable"
    FLAGS_UNKNOWN = "flags_unknown"

    @property
    def meaning(self) -> str:
        """Some words for a reader who has never seen the code."""
        return _MEANING[self]


_MEANING = {
    Note.JOINED: "joined since the month before",
    Note.LEFT: "left since the month before; what is held of it is closed",
    Note.ENTERS_NEXT: "keeps every bound now; a member from the next review on",
    Note.LEAVES_NEXT: "breaks a bound now; no member from the next review on",
    Note.BELOW_PRICE: "price below price_min_usd",
    Note.BELOW_DOLLAR_VOLUME: "dollar volume below dollar_volume_min_usd",
    Note.BELOW_HISTORY: "fewer bars than history_min_sessions",
    Note.OLD_BAR: "newest bar older than bar_age_max_sessions",
    Note.NO_BARS: "no bar that may be traded on",
    Note.NO_RECENT_BAR: f"no bar for more than {GONE_AFTER_SESSIONS} sessions; settle it",
    Note.DELISTED: "not traded any more, says its instrument",
    Note.HISTORY_TOO_SHORT: "fewer bars than the strategy needs; no signal yet",
    Note.NOT_TRADABLE: "not tradable at the broker",
    Note.NOT_SHORTABLE: "cannot be sold short",
    Note.FLAGS_UNKNOWN: "whether it can be traded or sold short is not known",
}

_BOUND_NOTES = {
    "price_min_usd": Note.BELOW_PRICE,
    "dollar_volume_min_usd": Note.BELOW_DOLLAR_VOLUME,
    "history_min_sessions": Note.BELOW_HISTORY,
    "bar_age_max_sessions": Note.OLD_BAR,
}


@dataclass(frozen=True)
class SymbolReview:
    """One symbol that the universe names.

    Attributes:
        member, member_before: On the session, and on the one compared with.
        notes: What there is to say, in the order of ``Note``.
        bars: Own bars before the session.
        bar_age_sessions: Age of the newest, 1 = at the session before; None without a bar.
        price_usd: Its close, as traded.
        dollar_volume_usd: Mean of close times volume; None with fewer bars than the mean takes.
        sector, tradable, shortable, last_session: As the newest instrument row says; None = it
            does not say.
    """

    symbol: str
    member: bool
    member_before: bool
    notes: tuple[Note, ...]
    bars: int
    bar_age_sessions: int | None
    price_usd: float | None
    dollar_volume_usd: float | None
    sector: str | None
    tradable: bool | None
    shortable: bool | None
    last_session: date | None


@dataclass(frozen=True)
class UniverseReview:
    """One portfolio's universe on one session.

    Attributes:
        session: Membership of this session is reviewed, from bars before it.
        compared_with: The first session of the month before.
        symbols: Every symbol that the universe names, sorted.
        sectors: Sector → members in it, most first; ``unknown`` where no source names one.
    """

    portfolio: str
    session: date
    compared_with: date
    symbols: tuple[SymbolReview, ...]
    sectors: Mapping[str, int]

    @property
    def members(self) -> int:
        """How many symbols are members on the session."""
        return sum(row.member for row in self.symbols)

    def noted(self, note: Note) -> list[SymbolReview]:
        """The symbols of which this is said."""
        return [row for row in self.symbols if note in row.notes]

    def document(self) -> dict[str, Any]:
        """The same as plain data; dates stay dates."""
        rows = [asdict(row) | {"notes": [str(note) for note in row.notes]} for row in self.symbols]
        sectors = [
            {"sector": name, "members": count, "share": count / self.members}
            for name, count in self.sectors.items()
        ]
        return {
            "portfolio": self.portfolio,
            "session": self.session,
            "compared_with": self.compared_with,
            "candidates": len(self.symbols),
            "members": self.members,
            "sectors": sectors,
            "symbols": rows,
        }


class _Known(NamedTuple):
    """What all portfolios are reviewed on."""

    bars: pa.Table
    instruments: Mapping[str, Mapping[str, Any]]
    calendar: SessionCalendar


def next_session_to_decide(lake: Lake) -> date:
    """The session after the newest bar of the lake.

    Raises:
        InputRefused: There is no bar.
    """
    newest = pc.max(live_bars(lake)["session"]).as_py()
    if newest is None:
        raise InputRefused(
            "at least one bar",
            "none",
            where=f"the lake's table {BARS.name}",
            remedy="Ingest the bars first (stocker ingest).",
        )
    return SessionCalendar.between(newest, newest).next_session(newest)


def review_universes(
    lake: Lake, portfolios: Mapping[str, Portfolio], session: date, *, judge: Judge = gate
) -> list[UniverseReview]:
    """A review of each portfolio, in the order given.

    Args:
        portfolios: Name → portfolio.
        session: Whose membership is reviewed; a session, up to the one after the newest bar.

    Raises:
        InputRefused: The date is no session, bars that it needs cannot be there yet, or the lake
            has no bar.
    """
    SessionCalendar.between(session, session).require(session, where="session of a review")
    symbols = sorted({name for each in portfolios.values() for name in each.universe})
    latest = next_session_to_decide(lake)
    if session > latest:
        raise InputRefused(
            f"a session up to {latest}, the one after the newest bar",
            str(session),
            where="session of a review",
            remedy="Ingest the bars up to the session before it first (stocker ingest).",
        )
    bars = current_bars(lake, symbols, session - timedelta(days=1), judge=judge).bars
    instruments = instruments_of(lake, symbols).to_pylist()
    known = _Known(
        bars,
        {row["symbol"]: row for row in instruments},
        SessionCalendar.between(_earliest(bars, session - _DAYS_OF_TWO_MONTHS), session),
    )
    return [_review(name, each, session, known) for name, each in portfolios.items()]


def _review(name: str, portfolio: Portfolio, session: date, known: _Known) -> UniverseReview:
    symbols = portfolio.universe
    compared_with = _month_before(session, known.calendar)
    sessions = known.calendar.sessions(_earliest(known.bars, compared_with), session)
    member = np.broadcast_to(
        portfolio.membership.member(symbols, sessions, known.bars), (len(sessions), len(symbols))
    )
    before = member[int(np.searchsorted(sessions, np.datetime64(compared_with)))]
    close, volume = (
        bar_matrix(known.bars, sessions, tuple(symbols), column)[:-1]
        for column in ("close", "volume")
    )
    bounds = (portfolio.membership.filter or UniverseFilter()).bounds()
    measures = measured(close, volume, bounds.dollar_volume_sessions)
    broken = broken_bounds(measures, bounds) if portfolio.membership.filter else {}
    rows = tuple(
        _row(
            symbol,
            (bool(member[-1, j]), bool(before[j])),
            _of_bounds(broken, j, bool(member[-1, j]), measures.bars[j] == 0, portfolio, session),
            Measures(*(values[j] for values in measures)),
            known.instruments.get(symbol, {}),
            portfolio.rule().required_bars,
            session,
        )
        for j, symbol in enumerate(symbols)
    )
    return UniverseReview(name, session, compared_with, rows, _sectors(rows))


def _of_bounds(
    broken: Mapping[str, np.ndarray],
    j: int,
    member: bool,
    no_bars: bool,
    portfolio: Portfolio,
    session: date,
) -> set[Note]:
    """What the filter's bounds say of a symbol that has bars and that the list has on this day."""
    listed = portfolio.membership.listed_on(session)
    if not broken or portfolio.universe[j] not in listed or no_bars:
        return set()
    notes = {_BOUND_NOTES[name] for name, symbols in broken.items() if symbols[j]}
    if member and notes:
        return {*notes, Note.LEAVES_NEXT}
    return notes if notes or member else {Note.ENTERS_NEXT}


def _row(
    symbol: str,
    member: tuple[bool, bool],
    of_bounds: set[Note],
    measures: Measures,
    instrument: Mapping[str, Any],
    required_bars: int,
    session: date,
) -> SymbolReview:
    bars, age = int(measures.bars), int(measures.bar_age_sessions)
    tradable, shortable = instrument.get("tradable"), instrument.get("shortable")
    last = instrument.get("last_session")
    now, before = member
    said = {
        Note.JOINED: now and not before,
        Note.LEFT: before and not now,
        Note.NO_BARS: bars == 0,
        Note.NO_RECENT_BAR: age - 1 > GONE_AFTER_SESSIONS,
        Note.DELISTED: last is not None and last < session,
        Note.HISTORY_TOO_SHORT: 0 < bars < required_bars,
        Note.NOT_TRADABLE: tradable is False,
        Note.NOT_SHORTABLE: shortable is False,
        Note.FLAGS_UNKNOWN: tradable is None or shortable is None,
    }

    def known(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    return SymbolReview(
        symbol=symbol,
        member=now,
        member_before=before,
        notes=tuple(note for note in Note if note in of_bounds or said.get(note, False)),
        bars=bars,
        bar_age_sessions=age or None,
        price_usd=known(float(measures.price_usd)),
        dollar_volume_usd=known(float(measures.dollar_volume_usd)),
        sector=instrument.get("sector"),
        tradable=tradable,
        shortable=shortable,
        last_session=last,
    )


def _sectors(rows: Sequence[SymbolReview]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        if row.member:
            name = row.sector or UNKNOWN_SECTOR
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _month_before(session: date, calendar: SessionCalendar) -> date:
    """The first session of the month before the session's."""
    last_of_it = session.replace(day=1) - timedelta(days=1)
    return calendar.session_on_or_after(last_of_it.replace(day=1))


def _earliest(bars: pa.Table, day: date) -> date:
    """The first bar's session, or ``day`` where that is earlier or there is no bar."""
    first = pc.min(bars["session"]).as_py()
    return min(first, day) if first is not None else day


def review_text(review: UniverseReview) -> list[str]:
    """The review as lines: one for each thing that is said, with the symbols it is said of."""
    lines = [
        f"{review.portfolio} on {review.session}: {review.members} members of "
        f"{len(review.symbols)} symbols; compared with {review.compared_with}"
    ]
    for note in Note:
        rows = review.noted(note)
        if rows:
            lines.append(f"{note.meaning}: {', '.join(_detail(note, row) for row in rows)}")
    sectors = ", ".join(
        f"{name} {count} ({count / review.members:.0%})" for name, count in review.sectors.items()
    )
    return [*lines, f"sectors: {sectors or 'no member'}"]


def _detail(note: Note, row: SymbolReview) -> str:
    if note is Note.BELOW_PRICE and row.price_usd is not None:
        return f"{row.symbol} ({row.price_usd:,.2f} dollars)"
    if note is Note.BELOW_DOLLAR_VOLUME and row.dollar_volume_usd is not None:
        return f"{row.symbol} ({row.dollar_volume_usd:,.0f} dollars a session)"
    if note in (Note.BELOW_HISTORY, Note.HISTORY_TOO_SHORT):
        return f"{row.symbol} ({row.bars} bars)"
    if note in (Note.OLD_BAR, Note.NO_RECENT_BAR) and row.bar_age_sessions is not None:
        return f"{row.symbol} ({row.bar_age_sessions - 1} sessions)"
    if note is Note.DELISTED:
        return f"{row.symbol} (last {row.last_session})"
    return row.symbol


def write_reviews(reviews: Sequence[UniverseReview], path: Path) -> tuple[Path, Path]:
    """The reviews as text at ``path`` and as JSON beside it; each appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    documents = [review.document() for review in reviews]
    contents = {
        path: "\n\n".join("\n".join(review_text(review)) for review in reviews) + "\n",
        path.with_suffix(".json"): json.dumps(
            documents, indent=1, sort_keys=True, allow_nan=False, default=str
        )
        + "\n",
    }
    for target, text in contents.items():
        partial = target.with_name(target.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)
    return path, path.with_suffix(".json")
