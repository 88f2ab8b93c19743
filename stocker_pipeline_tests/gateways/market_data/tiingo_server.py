"""Tiingo's end-of-day prices, as far as its documentation and observers describe them."""

from datetime import date

from stocker_pipeline_tests.gateways.market_data.http_faults import FaultyServer, Reply, Request

TOKEN = "0123456789abcdef0123456789abcdef01234567"
USED_UP = (
    "Error: You have run over your hourly request allocation. Please upgrade at "
    "https://api.tiingo.com/pricing to have your limits increased."
)


def row(day: date | str, close: float = 10.0, **changed: object) -> dict:
    """A daily row as Tiingo sends it."""
    return {
        "date": f"{day}T00:00:00.000Z",
        "close": close,
        "high": close + 1,
        "low": close - 1,
        "open": close - 0.5,
        "volume": 1000,
        "adjClose": close / 2,
        "adjHigh": (close + 1) / 2,
        "adjLow": (close - 1) / 2,
        "adjOpen": (close - 0.5) / 2,
        "adjVolume": 2000,
        "divCash": 0.0,
        "splitFactor": 1.0,
        **changed,
    }


class TiingoServer(FaultyServer):
    """``prices``: ticker in Tiingo's form (``BRK-B``) → rows."""

    def __init__(self) -> None:
        self.prices: dict[str, list] = {}
        super().__init__()

    def reply(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Token {TOKEN}":
            return Reply({"detail": "Invalid token."}, 401)
        _, _, daily, ticker, prices = request.path.split("/")
        assert (daily, prices) == ("daily", "prices")
        if ticker not in self.prices:
            return Reply({"detail": f"Error: Ticker '{ticker}' not found"}, 404)
        first, last = request.query["startDate"], request.query["endDate"]
        rows = self.prices[ticker]
        return Reply(
            [r for r in rows if not isinstance(r, dict) or first <= str(r["date"])[:10] <= last]
        )
