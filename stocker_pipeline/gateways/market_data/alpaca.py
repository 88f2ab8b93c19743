"""Daily bars and corporate actions from Alpaca's market data API (``APCA_API_…`` keys).

Bars are raw, of the consolidated tape, and reach back to 2016. A symbol means the company that
bears it on the day of the question (``asof`` = today in New York): with META come the bars of FB,
and with the S of SentinelOne none of Sprint. Skipping that (``asof=-``) would join two companies
under one symbol, and ``asof`` = the end of the range would do the same to a history fetched in
parts. Only a symbol that nobody bears today is taken by its letters alone, as Alpaca does.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient

from stocker_pipeline.domain.session import NEW_YORK, Clock
from stocker_pipeline.domain.xnys import EARLIEST, LATEST
from stocker_pipeline.gateways.market_data.alpaca_actions import add_actions
from stocker_pipeline.gateways.market_data.alpaca_client import (
    AlpacaReader,
    Credentials,
    in_groups,
)
from stocker_pipeline.gateways.market_data.answer import (
    SETTLED_AFTER,
    Answer,
    last_final_session,
)
from stocker_pipeline.gateways.market_data.asking import Backoff, Conversation
from stocker_pipeline.gateways.market_data.provider import MarketData, refuse_empty_request
from stocker_pipeline.gateways.market_data.transport import Timeouts, encrypted_url

HISTORY_BEGINS = date(2016, 1, 1)
_SIP_DELAY = timedelta(minutes=16)
"""Without a real-time subscription the SIP is readable up to 15 minutes ago."""
_BARS_PER_PAGE = 10_000
_CELLS = ("o", "h", "l", "c", "v")


class AlpacaMarket:
    """Alpaca as a source of market data.

    Args:
        key_id, secret_key: ``APCA_API_KEY_ID`` and ``APCA_API_SECRET_KEY``.
        clock: What time it is: for ``known_at``, and for what may be asked.
        feed: ``sip`` is the whole market. ``iex`` is one exchange, 2 % of the volume, with other
            opens, highs and lows.
        data_url: Another server; None = Alpaca's.
        settled_after: How long after the close a bar is expected to change.

    Raises:
        ConfigurationRefused: A key is not set, or the URL is not encrypted.
    """

    def __init__(
        self,
        key_id: str | None,
        secret_key: str | None,
        clock: Clock,
        *,
        feed: Literal["sip", "iex"] = "sip",
        data_url: str | None = None,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        settled_after: timedelta = SETTLED_AFTER,
    ) -> None:
        self._credentials = Credentials.required(key_id, secret_key)
        self._url = None if data_url is None else encrypted_url(data_url, source="Alpaca")
        self._clock, self._feed = clock, DataFeed(feed)
        self._backoff, self._timeouts = backoff or Backoff(), timeouts or Timeouts()
        self._settled_after = settled_after

    @property
    def name(self) -> str:
        """``alpaca:sip`` or ``alpaca:iex``: the feed is part of who said it."""
        return f"alpaca:{self._feed.value}"

    def symbols(self) -> tuple[str, ...]:
        """None: Alpaca has them all."""
        return ()

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        """See ``MarketDataProvider.fetch``. Symbols are written as Stocker does (``BRK.B``)."""
        refuse_empty_request(symbols, first, last)
        now = self._clock.now()
        final = last_final_session(now, self._settled_after)
        answer = Answer(self.name, symbols, first, last, final=final)
        asked = answer.askable()
        conversation, today = Conversation(self._backoff), now.astimezone(NEW_YORK).date()
        # Any date may be asked for, but not every date has a day before it or a quarter after it.
        low, high = max(first, EARLIEST), min(last, LATEST)
        start, end = _midnight(low), min(_midnight(high + timedelta(days=1)), now - _SIP_DELAY)
        if start < end:
            with self._reader(StockHistoricalDataClient, conversation) as reader:
                failed = self._add_bars(reader, answer, asked, (start, end), today)
            asked = [symbol for symbol in asked if symbol not in failed]
        else:
            for symbol in asked:
                answer.miss(symbol, f"the range begins on {first}, which is not over")
        with self._reader(CorporateActionsClient, conversation) as reader:
            add_actions(reader, answer, asked, first=low, last=high, today=today)
        return answer.market_data(self._clock.now(), lambda _: _absent(first, last))

    def _add_bars(
        self,
        reader: AlpacaReader,
        answer: Answer,
        asked: Sequence[str],
        span: tuple[datetime, datetime],
        today: date,
    ) -> Mapping[str, str]:
        """Add what there is; returns the symbols about which Alpaca did not answer, and why."""
        start, end = span
        params = {
            "timeframe": "1Day",
            "start": start.isoformat(),
            # The end is included, and the bar of the next day is stamped with its midnight.
            "end": (end - timedelta(seconds=1)).isoformat(),
            "adjustment": Adjustment.RAW.value,
            "feed": self._feed.value,
            "asof": today.isoformat(),
            "sort": "asc",
            "limit": _BARS_PER_PAGE,
        }

        def add(group: Sequence[str]) -> None:
            # All pages or none: symbols of a lost page would look like symbols without bars.
            asked_for = {**params, "symbols": ",".join(group)}
            for page in list(reader.pages("/stocks/bars", asked_for, "bars")):
                for symbol, rows in page.items():
                    _add_rows(answer, symbol, rows)

        _, failed = in_groups(asked, add)
        for symbol, reason in failed.items():
            answer.fail(symbol, reason)
        return failed

    def _reader(self, kind: type[Any], conversation: Conversation) -> AlpacaReader:
        return AlpacaReader(
            kind(*self._credentials.parts, raw_data=True, url_override=self._url),
            conversation,
            self._clock,
            credentials=self._credentials,
            timeouts=self._timeouts,
        )


def _absent(first: date, last: date) -> str:
    reason = f"Alpaca does not have this symbol, or no bar of it from {first} to {last}"
    if first < HISTORY_BEGINS:
        reason += f"; its history begins in {HISTORY_BEGINS.year}"
    return reason


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), NEW_YORK)


def _add_rows(answer: Answer, symbol: str, rows: object) -> None:
    for row in rows if isinstance(rows, list) else [rows]:
        try:
            session, cells = _session(row["t"]), [row[name] for name in _CELLS]
        except (KeyError, TypeError, ValueError) as error:
            evidence = f"{type(error).__name__} {error} in {row!r}"
            answer.refuse_bar(symbol, None, "unreadable", evidence)
        else:
            answer.bar(symbol, session, [*cells, None])


def _session(stamp: object) -> date:
    """The session of a daily bar, which is stamped with midnight in New York."""
    at = datetime.fromisoformat(str(stamp))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    local = at.astimezone(NEW_YORK)
    if local.time() != time():
        raise ValueError(f"a daily bar that begins at {local:%H:%M} in New York")
    return local.date()
