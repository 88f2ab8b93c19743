"""One question to Yahoo, asked through yfinance, with nothing of the answer lost.

yfinance brings what its users keep working: a session that looks like a browser, cookie, crumb and
consent. Its readers (``download``, ``Ticker.history``) are not used, because what they drop cannot
be had back: the HTTP status, so that a server's error with a body reads "possibly delisted"; rows
that come twice; an unknown volume, which becomes 0; the date of a dividend on a day without a bar,
which becomes the date of the bar before. They ask for the time zone first, and through a cache that
repeats a failure without asking; ``YfData.get`` asks once and every time.
Stays out: reading the answer (``yahoo_chart``). Importing this takes seconds.
"""

import tempfile
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import yfinance  # type: ignore[import-untyped]
from curl_cffi.requests import Session
from yfinance.data import YfData  # type: ignore[import-untyped]
from yfinance.exceptions import YFRateLimitError  # type: ignore[import-untyped]

from stocker_pipeline.gateways.market_data.asking import Passing
from stocker_pipeline.gateways.market_data.yahoo_chart import in_one_line

_CHART = "https://query2.finance.yahoo.com/v8/finance/chart/"


@dataclass(frozen=True)
class Reply:
    """An HTTP status and a body."""

    status: int
    body: str


class BoundedSession(Session):
    """A session like a browser's in which no request outlasts the time-out.

    yfinance passes a time-out on to the question itself, and gives cookies and crumb 30 seconds
    each.
    """

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__(impersonate="chrome")
        self._timeout_seconds = timeout_seconds

    def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
        return super().request(method, url, **{**options, "timeout": self._timeout_seconds})


def asked(
    session: Any, symbol: str, begin_second: int, end_second: int, timeout_seconds: float
) -> Reply:
    """What Yahoo says to the question for one symbol's daily bars, splits and dividends.

    Args:
        session: A ``curl_cffi`` or ``requests`` session; yfinance has one for the whole process,
            so this one is its session from now on.
        symbol: As Yahoo writes it.
        begin_second: Since 1970, UTC, included.
        end_second: Excluded.

    Raises:
        Passing: Time-out, connection error, rate limit, or anything else instead of an answer.
    """
    _use_own_cache_directory()
    question = {
        "period1": begin_second,
        "period2": end_second,
        "interval": "1d",
        "includePrePost": "false",
        "events": "div,splits,capitalGains",
    }
    try:
        response = YfData(session=session).get(
            _CHART + quote(symbol, safe=""), params=question, timeout=timeout_seconds
        )
        return Reply(int(response.status_code), str(response.text))
    except YFRateLimitError as error:
        raise Passing("Yahoo limits the rate of requests (HTTP 429)") from error
    # What goes wrong in a vendor's library has no common type: curl, requests, SQLite, or a
    # KeyError in a consent page. One symbol without an answer must not cost the others theirs.
    except Exception as error:
        raise Passing(f"{type(error).__name__}: {in_one_line(str(error))}") from error


@cache
def _use_own_cache_directory() -> tempfile.TemporaryDirectory[str]:
    # Processes that share the default directory wait for each other's SQLite locks, and a wrong
    # time zone or an expired cookie would outlive the process that stored it.
    directory = tempfile.TemporaryDirectory(prefix="stocker-yfinance-", ignore_cleanup_errors=True)
    yfinance.set_tz_cache_location(directory.name)
    return directory
