"""Daily bars, splits and dividends from Tiingo (``TIINGO_API_KEY``).

Tiingo sends prices as traded beside adjusted ones, and on an ex-date the dividend as paid and the
split. One request per symbol; the free plan allows 50 an hour, so a used-up allowance ends the
conversation instead of being asked again. Stays out: its other endpoints.
"""

import json
import re
import time
from collections.abc import Collection
from datetime import date, timedelta
from fractions import Fraction
from functools import partial
from typing import Any

import httpx

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import Clock, parsed_date
from stocker_pipeline.gateways.market_data.answer import (
    SETTLED_AFTER,
    Answer,
    dividend_usd,
    last_final_session,
    split_ratio,
)
from stocker_pipeline.gateways.market_data.asking import (
    Backoff,
    Conversation,
    Lasting,
    Passing,
    Rejected,
    Unanswered,
)
from stocker_pipeline.gateways.market_data.provider import MarketData, refuse_empty_request
from stocker_pipeline.gateways.market_data.transport import (
    Timeouts,
    encrypted_url,
    message_in,
    required_secret,
    wait_asked_s,
)

TOKEN_VARIABLE = "TIINGO_API_KEY"
BASE_URL = "https://api.tiingo.com"
_CELLS = ("open", "high", "low", "close", "volume", "adjClose")
_MIDNIGHT = re.compile(r"(\d{4}-\d\d-\d\d)(T00:00:00(\.0+)?(Z|\+00:00))?")
_USED_UP = re.compile(r"run over your|exceeded your|allocation", re.IGNORECASE)
_OF_SYMBOLS = re.compile(r"symbol", re.IGNORECASE)
_UNKNOWN = re.compile(r"not found", re.IGNORECASE)


class TiingoMarket:
    """Tiingo as a source of market data.

    Args:
        token: ``TIINGO_API_KEY``; sent as a header, because URLs end up in logs.
        clock: What time it is: for ``known_at`` and for today's bar.
        base_url: Another server.
        settled_after: How long after the close a bar is expected to change.

    Raises:
        ConfigurationRefused: The token is not set, or the URL is not encrypted.
    """

    name = "tiingo"

    def __init__(
        self,
        token: str | None,
        clock: Clock,
        *,
        base_url: str = BASE_URL,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        settled_after: timedelta = SETTLED_AFTER,
    ) -> None:
        self._token = required_secret(token, variable=TOKEN_VARIABLE, source="Tiingo")
        self._url = encrypted_url(base_url, source="Tiingo")
        self._clock, self._settled_after = clock, settled_after
        self._backoff, self._timeouts = backoff or Backoff(), timeouts or Timeouts()

    def symbols(self) -> tuple[str, ...]:
        """None: Tiingo has them all."""
        return ()

    def fetch(self, symbols: Collection[str], first: date, last: date) -> MarketData:
        """See ``MarketDataProvider.fetch``. Symbols are written as Stocker does (``BRK.B``)."""
        refuse_empty_request(symbols, first, last)
        final = last_final_session(self._clock.now(), self._settled_after)
        answer = Answer(self.name, symbols, first, last, final=final)
        conversation, limits = Conversation(self._backoff), self._timeouts
        with httpx.Client(
            headers={"Authorization": f"Token {self._token}"},
            timeout=httpx.Timeout(limits.read_s, connect=limits.connect_s),
        ) as client:
            for symbol in answer.askable():
                try:
                    rows = conversation.ask(partial(self._rows, client, symbol, first, last))
                except Unanswered as error:
                    answer.fail(symbol, error.reason)
                else:
                    _add(answer, symbol, rows)
        return answer.market_data(
            self._clock.now(),
            lambda symbol: f"Tiingo has no bar of {symbol} from {first} to {last}",
        )

    def _rows(self, client: httpx.Client, symbol: str, first: date, last: date) -> list[Any] | str:
        """The rows of a symbol, or why there are none.

        Raises:
            Unanswered: There is no answer that can be believed.
        """
        ticker = symbol.replace(".", "-")
        params = {
            "startDate": first.isoformat(),
            "endDate": last.isoformat(),
            "format": "json",
            "resampleFreq": "daily",
        }
        try:
            status, headers, body = self._get(
                client, f"{self._url}/tiingo/daily/{ticker}/prices", params
            )
        # What these say is left out: it may quote the request.
        except httpx.TimeoutException:
            limits = self._timeouts
            raise Passing(
                f"timed out (limits: {limits.connect_s:g} s to connect, {limits.read_s:g} s "
                f"between pieces, {limits.whole_s:g} s in all)"
            ) from None
        except httpx.HTTPError as error:
            raise Passing(f"the connection failed ({type(error).__name__})") from None
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if status == httpx.codes.OK and isinstance(content, list):
            return content
        return self._without_rows(status, headers, body)

    def _get(
        self, client: httpx.Client, url: str, params: dict[str, str]
    ) -> tuple[int, httpx.Headers, str]:
        until_s, body = time.monotonic() + self._timeouts.whole_s, bytearray()
        with client.stream("GET", url, params=params) as response:
            for piece in response.iter_bytes():
                body += piece
                if time.monotonic() > until_s:
                    raise httpx.ReadTimeout("the answer is not complete in time")
        return response.status_code, response.headers, body.decode("utf-8", "replace")

    def _without_rows(self, status: int, headers: httpx.Headers, body: str) -> str:
        """What an answer that is no list of rows means; errors also come with status 200.

        Only an explicit "not found" says that there is nothing. To take any other text for that
        would turn a used-up allowance into delisted companies.
        """
        message = message_in(body, (self._token,))
        said = f"HTTP {status}: {message}"
        if _USED_UP.search(message):
            # The allowance of symbols still answers about the symbols of this month.
            raise (Rejected if _OF_SYMBOLS.search(message) else Lasting)(said)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Lasting(
                f"Tiingo refused the token ({said}): set {TOKEN_VARIABLE} to one that is in force"
            )
        if status in (httpx.codes.OK, httpx.codes.NOT_FOUND) and _UNKNOWN.search(message):
            return f"Tiingo does not have this symbol ({said})"
        if status in (200, 408, 429) or status >= 500:
            raise Passing(said, wait_asked_s(headers, self._clock.now()))
        raise Rejected(said)


def _add(answer: Answer, symbol: str, rows: list[Any] | str) -> None:
    if isinstance(rows, str):
        answer.miss(symbol, rows)
        return
    for row in rows:
        session = None
        try:
            session = _session(row["date"])
            cells = [row[name] for name in _CELLS]
            split = split_ratio(Fraction(str(row["splitFactor"])))
            dividend = dividend_usd(row["divCash"])
        except (InputRefused, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            # Without its split a price is of no use, so the whole row goes.
            evidence = f"{type(error).__name__} {error} in {row!r}"
            answer.refuse_bar(symbol, session, "unreadable", evidence)
            continue
        answer.bar(symbol, session, cells)
        answer.action(symbol, session, split, dividend)


def _session(stamp: object) -> date:
    """The session of a bar, which is stamped with its date at midnight UTC."""
    found = _MIDNIGHT.fullmatch(str(stamp))
    if found is None:
        raise ValueError(f"{stamp!r} is no date at midnight")
    return parsed_date(found.group(1), where="Tiingo")
