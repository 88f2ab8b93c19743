"""Bars and corporate actions from Yahoo Finance, through yfinance, as they were traded.

Raw prices do not exist there: every price, volume and dividend is adjusted for the splits up to
now. So each question reaches up to today, the splits in the answer are taken out again, and a
symbol whose prices contradict one of them fails, since an imaginary split would rewrite its past.
What stays undetected: a split that never was, of a share below a dollar or before April 2001, and
one that Yahoo adjusted for and does not state. A second source sees those.

Prices are rounded to cents, hundredths of a cent or millionths of a dollar where this moves them
by no more than six decimals and float32 leave unknown (``unadjust.rounded_as_printed``), and
volumes to whole shares. Yahoo's terms allow personal use only; its limits are not published.
"""

import time
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from functools import partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import NEW_YORK, Clock
from stocker_pipeline.gateways.market_data.asking import Backoff, Conversation, Unanswered
from stocker_pipeline.gateways.market_data.provider import (
    REFUSED_ROWS_SCHEMA,
    MarketData,
    refuse_empty_request,
    with_origin,
)
from stocker_pipeline.gateways.market_data.yahoo_chart import NothingThere, read_chart
from stocker_pipeline.gateways.market_data.yahoo_rows import Answer, Question, Refusal, answered

_PAUSE_SECONDS, _GROWTH = 10.0, 2.0
"""A rate limit of Yahoo's lasts for minutes rather than seconds."""


class YahooMarket:
    """Daily bars of US shares and funds from Yahoo Finance.

    One symbol is asked for at a time: Yahoo limits rates, and yfinance has one session a process.

    Args:
        clock: Says when something was received, and whether today's bar is final.
        session: A ``curl_cffi`` or ``requests`` session, which is then yfinance's for the whole
            process; None = one like a browser's, made at the first question.
        timeout_seconds: For every request; in a session given, cookies may take yfinance's 30.
        attempts: Per symbol; the first included.
        pause: Waits that many seconds between two attempts.

    Raises:
        ConfigurationRefused: ``timeout_seconds`` is not above 0, or ``attempts`` below 1.
    """

    name = "yfinance"

    def __init__(
        self,
        clock: Clock,
        session: Any = None,
        *,
        timeout_seconds: float = 10.0,
        attempts: int = 3,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if not (timeout_seconds > 0 and attempts >= 1):
            raise ConfigurationRefused(
                "a time-out above 0 seconds and at least one attempt",
                f"{timeout_seconds} seconds, {attempts} attempts",
                where="yfinance",
                remedy="Correct the setting.",
            )
        self._clock, self._session, self._timeout_seconds = clock, session, timeout_seconds
        self._backoff = Backoff(attempts, _PAUSE_SECONDS, _GROWTH, pause=pause)

    def symbols(self) -> tuple[str, ...]:
        """None: Yahoo publishes no list."""
        return ()

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        """See ``MarketDataProvider.fetch``.

        A class is written ``BRK.B``; Yahoo's ``BRK-B`` is the same.

        Raises:
            InputRefused: No symbols, ``first`` after ``last``, or before 1970.
            ConfigurationRefused: yfinance is not installed.
        """
        refuse_empty_request(symbols, first, last)
        asked = sorted(set(symbols))
        now = self._clock.now()
        if first > now.astimezone(NEW_YORK).date():
            return self._market_data({}, dict.fromkeys(asked, "the range is in the future"), {})
        question = Question.at(now, first, last)
        answers: dict[str, Answer] = {}
        failed: dict[str, str] = {}
        conversation = Conversation(self._backoff)
        for symbol in asked:
            try:
                answers[symbol] = conversation.ask(partial(self._asked_once, symbol, question))
            except Unanswered as error:
                failed[symbol] = error.reason
        missing = {symbol: answer.nothing for symbol, answer in answers.items() if answer.nothing}
        return self._market_data(answers, missing, failed)

    def _asked_once(self, symbol: str, question: Question) -> Answer:
        transport = _transport()
        if self._session is None:
            self._session = transport.BoundedSession(self._timeout_seconds)
        vendors = symbol.replace(".", "-")
        reply = transport.asked(
            self._session,
            vendors,
            _midnight(question.begin),
            _midnight(question.today + timedelta(days=1)),
            self._timeout_seconds,
        )
        try:
            chart = read_chart(reply.status, reply.body, vendors)
        except NothingThere as reason:
            return Answer.without_bars(str(reason))
        return answered(chart, symbol, question)

    def _market_data(
        self, answers: dict[str, Answer], missing: dict[str, str], failed: dict[str, str]
    ) -> MarketData:
        # One instant for all rows, after the last came: none was known earlier than it says.
        known_at = self._clock.now()
        bars = [BARS_SCHEMA.empty_table(), *(answer.bars for answer in answers.values())]
        actions = [ACTIONS_SCHEMA.empty_table(), *(answer.actions for answer in answers.values())]
        return MarketData(
            with_origin(pa.concat_tables(bars).combine_chunks(), self.name, known_at),
            with_origin(pa.concat_tables(actions).combine_chunks(), self.name, known_at),
            MappingProxyType(missing),
            MappingProxyType(failed),
            _refused_table({symbol: answer.refused for symbol, answer in answers.items()}),
        )


def _refused_table(refused: dict[str, tuple[Refusal, ...]]) -> pa.Table:
    rows = [
        dict(zip(REFUSED_ROWS_SCHEMA.names, (symbol, *each), strict=True))
        for symbol, rows in refused.items()
        for each in rows
    ]
    return pa.Table.from_pylist(rows, schema=REFUSED_ROWS_SCHEMA)


def _midnight(day: date) -> int:
    """The date's first second in New York, since 1970 in UTC."""
    return int(datetime.combine(day, time_of_day(), NEW_YORK).timestamp())


def _transport() -> Any:
    """The module that imports yfinance, which takes seconds and may not be installed."""
    try:
        from stocker_pipeline.gateways.market_data import yahoo_transport
    except ImportError as error:
        raise ConfigurationRefused(
            "yfinance",
            f"no package {error.name}",
            where="market data provider yfinance",
            remedy='Install it: pip install "stocker-pipeline[vendors]".',
        ) from error
    return yahoo_transport
