"""What a scrape measures of every book: read from the ledger and the lake at that moment.

Belongs here: which numbers, under which names, with which units. Stays out: the form in which
Prometheus reads them (``gateways.metrics``), and what is judged by a number (``risk.monitors``).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow.compute as pc

from stocker_pipeline.domain.errors import StockerError
from stocker_pipeline.domain.orders import OrderState, SessionOutcome
from stocker_pipeline.domain.session import Clock, SessionCalendar
from stocker_pipeline.gateways.metrics import Measure
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS
from stocker_pipeline.ledger import Ledger, Reader
from stocker_pipeline.ledger.control_records import Alert, BreakKind, ControlState, Severity
from stocker_pipeline.stages.freshness import due_session
from stocker_pipeline.stages.judgement import is_bar
from stocker_pipeline.stages.monitor import remembered
from stocker_pipeline.stages.monitor_facts import MONITORS
from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names
from stocker_pipeline.stages.trading import Venue

_BARS_SPAN = timedelta(days=60)
Samples = list[tuple[Mapping[str, str], float]]


def measures(venue: Venue, lake: Lake, clock: Clock) -> Iterator[Measure]:
    """Every measure now; a ledger that does not answer is a measure too, and the only one."""
    up = "1 where the ledger answers, 0 where it does not: then no other measure is there."
    try:
        with Ledger.open(venue.ledger_url, clock=clock, environment=venue.environment) as ledger:
            found = list(_of_ledger(ledger, lake, clock))
    except StockerError:
        yield Measure("stocker_ledger_up", up, [({}, 0.0)])
        return
    yield Measure("stocker_ledger_up", up, [({}, 1.0)])
    yield from found


def _of_ledger(ledger: Ledger, lake: Lake, clock: Clock) -> Iterator[Measure]:
    books = ledger.read(lambda r: [book.portfolio for book in r.portfolios()])
    yield from ledger.read(lambda r: [_measured(r, made, books) for made in _MADE])
    yield from _ages(ledger, lake, clock, books)
    yield from ledger.read(_alerts)


def _measured(reader: Reader, made: "_Made", books: Sequence[str]) -> Measure:
    samples: Samples = [
        ({"portfolio": book, **labels}, number)
        for book in books
        for labels, number in made.read(reader, book)
    ]
    return Measure(made.name, made.help, samples)


@dataclass(frozen=True)
class _Made:
    """A measure of one book: its samples without the label of the book."""

    name: str
    help: str
    read: Callable[[Reader, str], Samples]


def _closing(column: str, scale: float = 1.0) -> Callable[[Reader, str], Samples]:
    """A column of the last settled snapshot; no sample before there is one."""

    def read(reader: Reader, book: str) -> Samples:
        row = reader.latest_snapshot(book)
        value = None if row is None else getattr(row, column)
        return [] if value is None else [({}, float(value) / scale)]

    return read


def _outcomes(reader: Reader, book: str) -> Samples:
    counted = reader.outcome_counts(book)
    return [({"outcome": outcome.value}, counted.get(outcome, 0)) for outcome in SessionOutcome]


def _orders(reader: Reader, book: str) -> Samples:
    counted = reader.order_counts(book)
    return [({"state": state.value}, counted.get(state, 0)) for state in OrderState]


def _control(reader: Reader, book: str) -> Samples:
    now = reader.control(book).state
    return [({"state": state.value}, float(state is now)) for state in ControlState]


def _breaks(reader: Reader, book: str) -> Samples:
    counted = Counter(found.kind for found in reader.open_breaks(book))
    return [({"kind": kind.value}, counted[kind]) for kind in BreakKind]


def _suspense(reader: Reader, book: str) -> Samples:
    record = reader.portfolio(book)
    if record is None:
        return []
    return [({}, len(reader.open_suspense(record.broker, record.account)))]


def _monitors(reader: Reader, book: str) -> Samples:
    return [
        ({"monitor": name}, float(bool(remembered(reader, book, name).told))) for name in MONITORS
    ]


_MADE: Sequence[_Made] = (
    _Made(
        "stocker_nav_usd",
        "Net asset value at the last settled close, dollars.",
        _closing("nav_e4", 1e4),
    ),
    _Made(
        "stocker_cash_usd",
        "Cash at the last settled close, dollars; negative where it is borrowed.",
        _closing("cash_e4", 1e4),
    ),
    _Made(
        "stocker_drawdown_ratio",
        "Drawdown from the peak at the last settled close, a fraction of the peak, 0 or more.",
        _closing("drawdown"),
    ),
    _Made(
        "stocker_gross_exposure_ratio",
        "Sum of absolute position values over NAV at the last settled close.",
        _closing("gross_exposure"),
    ),
    _Made(
        "stocker_net_exposure_ratio",
        "Sum of signed position values over NAV at the last settled close.",
        _closing("net_exposure"),
    ),
    _Made(
        "stocker_breaker_tripped",
        "1 where the drawdown breaker was tripped in the last settled session, else 0.",
        _closing("tripped"),
    ),
    _Made("stocker_sessions_total", "Sessions that ended, by outcome.", _outcomes),
    _Made("stocker_orders", "Orders by the state they are in.", _orders),
    _Made("stocker_control_state", "1 for the state that is in force, 0 for the others.", _control),
    _Made("stocker_open_breaks", "Differences with the broker without an end, by kind.", _breaks),
    _Made(
        "stocker_open_suspense",
        "Fills in the account that belong to no order of ours and that nobody has judged.",
        _suspense,
    ),
    _Made(
        "stocker_monitor_raised",
        "1 where a monitor's last word was told and has no recovery yet, else 0.",
        _monitors,
    ),
)


def _ages(ledger: Ledger, lake: Lake, clock: Clock, books: Sequence[str]) -> Iterator[Measure]:
    now = clock.now()
    due, _ = due_session(now)
    bars, settled, compared = [], [], []
    for book in books:
        label = {"portfolio": book}
        latest = _latest_bar(lake, book, due)
        if latest is not None:
            bars.append((label, float(_sessions(latest, due))))
        last = ledger.read(lambda r, b=book: r.latest_snapshot(b))  # type: ignore[misc]
        if last is not None:
            settled.append((label, float(_sessions(last.session, due))))
        ran = ledger.read(lambda r, b=book: r.latest_reconciliation(b))  # type: ignore[misc]
        if ran is not None and ran.ran_at is not None:
            compared.append((label, (now - ran.ran_at).total_seconds()))
    yield Measure(
        "stocker_last_bar_age_sessions",
        "Sessions that are due and later than the newest bar of the portfolio's symbols.",
        bars,
    )
    yield Measure(
        "stocker_last_close_age_sessions",
        "Sessions that are due and later than the last settled one.",
        settled,
    )
    yield Measure(
        "stocker_last_reconciliation_age_seconds",
        "Seconds since the book was last compared with the broker's account.",
        compared,
    )


def _latest_bar(lake: Lake, book: str, due: date) -> date | None:
    """The newest bar of a book's symbols; None = no portfolio of that name, or no bar at all."""
    if book not in portfolio_names():
        return None
    symbols = named_portfolio(book).universe
    for first in (due - _BARS_SPAN, None):
        # Mostly the newest bar is new: the whole history is read where it is not.
        rows = lake.read(BARS, symbols=symbols, first=first)
        latest: date | None = pc.max(rows.filter(is_bar(rows))["session"]).as_py()
        if latest is not None:
            return latest
    return None


def _sessions(last: date, due: date) -> int:
    if last >= due:
        return 0
    return len(SessionCalendar.between(last, due).sessions(last, due)) - 1


def _alerts(reader: Reader) -> list[Measure]:
    """The backlog: of every book together, and of what belongs to none."""
    named = [None, *(book.portfolio for book in reader.portfolios())]

    def by(counted: Mapping[tuple[str | None, Severity], int]) -> Samples:
        return [
            ({"portfolio": book or "", "severity": severity}, counted.get((book, severity), 0))
            for book in named
            for severity in Severity
        ]

    def waiting(alerts: Sequence[Alert]) -> Samples:
        return by(Counter((alert.portfolio, alert.severity) for alert in alerts))

    whose = "by severity; without a portfolio where it belongs to none"
    return [
        Measure(
            "stocker_alerts_total",
            f"Alerts that were ever written, {whose}.",
            by(reader.alert_counts()),
        ),
        Measure(
            "stocker_alerts_undelivered",
            f"Alerts that no channel has taken yet and that are not over, {whose}.",
            waiting(reader.undelivered_alerts()),
        ),
        Measure(
            "stocker_alerts_unacknowledged",
            f"Alerts that nobody took note of and that are not over, {whose}.",
            waiting(reader.open_alerts()),
        ),
    ]
