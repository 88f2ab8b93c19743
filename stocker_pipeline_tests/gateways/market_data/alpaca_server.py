"""Alpaca's market data and assets, as far as its documentation and observers describe them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from stocker_pipeline.domain.session import NEW_YORK, Clock
from stocker_pipeline.gateways.market_data.alpaca import AlpacaMarket
from stocker_pipeline.gateways.market_data.asking import Backoff
from stocker_pipeline_tests.gateways.market_data.http_faults import (
    FaultyServer,
    Reply,
    Request,
    timeouts_for,
)

KEY_ID, SECRET_KEY = "PKTESTTESTTESTTEST", "s3cr3ts3cr3ts3cr3ts3cr3t"
SYMBOL = re.compile(r"[A-Z][A-Z0-9]*(\.[A-Z0-9]+)?")
TYPES = {
    "cash_dividend": "cash_dividends",
    "name_change": "name_changes",
}


@dataclass(frozen=True)
class Listing:
    """A company bears a symbol from ``since`` until before ``until``."""

    company: str
    symbol: str
    since: date = date.min
    until: date = date.max


def bar_row(day: date | str, close: float = 10.0, volume: object = 1000) -> dict:
    """A daily bar as Alpaca sends it, stamped with midnight in New York."""
    day = date.fromisoformat(str(day))
    at = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
    return {
        "t": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "o": close - 0.5,
        "h": close + 1,
        "l": close - 1,
        "c": close,
        "v": volume,
        "n": 10,
        "vw": close,
    }


SPAN = date(2024, 1, 2), date(2024, 1, 12)
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-12"]


class AlpacaServer(FaultyServer):
    """``companies`` → rows of bars; ``listings`` say under which symbol they traded."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bars: dict[str, list[dict]] = {}
        self.listings: list[Listing] = []
        self.actions: list[tuple[str, dict]] = []
        self.assets: object = []
        self.page_rows = 10_000
        self.empty_first_page = False
        self.future_allowed = True
        super().__init__()

    def list_company(self, symbol: str, rows: Sequence[dict]) -> None:
        """A company that always had one symbol."""
        self.bars[symbol] = list(rows)
        self.listings.append(Listing(symbol, symbol))

    def list_two_companies(self) -> None:
        """AAA with a split and BRK.B with a dividend, on ``DAYS``."""
        self.list_company("AAA", [bar_row(day, 10 + i) for i, day in enumerate(DAYS)])
        self.list_company("BRK.B", [bar_row(day, 300 + i) for i, day in enumerate(DAYS)])
        dates = {"ex_date": "2024-01-08", "process_date": "2024-01-08"}
        self.action("forward_splits", symbol="AAA", new_rate=2, old_rate=1, **dates)
        dates = {"ex_date": "2024-01-05", "process_date": "2024-02-20"}
        self.action("cash_dividends", symbol="BRK.B", rate=0.125, special=False, **dates)

    def market(self, pauses: list[float], *faults: object, **options: object) -> AlpacaMarket:
        """A market that asks this server and writes its pauses down."""
        return AlpacaMarket(
            options.pop("key_id", KEY_ID),
            options.pop("secret_key", SECRET_KEY),
            options.pop("clock", self.clock),
            data_url=self.url,
            backoff=Backoff(pause=pauses.append),
            timeouts=timeouts_for(*faults),
            **options,
        )

    def action(self, group: str, **row: object) -> None:
        """A corporate action with an id of its own, unless one is given."""
        self.actions.append((group, {"id": f"id-{len(self.actions)}", **row}))

    def reply(self, request: Request) -> Reply:
        keys = request.headers
        if (keys.get("apca-api-key-id"), keys.get("apca-api-secret-key")) != (KEY_ID, SECRET_KEY):
            return Reply({"message": "unauthorized."}, 401)
        if request.path == "/v2/assets":
            return Reply(self.assets)
        symbols = request.query["symbols"].split(",")
        wrong = next((s for s in symbols if not SYMBOL.fullmatch(s)), None)
        if wrong is not None:
            return Reply({"message": f"invalid symbol: {wrong}"}, 400)
        if request.path == "/v2/stocks/bars":
            return self._bars(request, symbols)
        if request.path == "/v1/corporate-actions":
            return self._actions(request, symbols)
        return Reply({"message": "Not Found"}, 404)

    def _bars(self, request: Request, symbols: list[str]) -> Reply:
        query = request.query
        assert query["timeframe"] == "1Day"
        assert query["adjustment"] == "raw"
        end, start = datetime.fromisoformat(query["end"]), datetime.fromisoformat(query["start"])
        if query["feed"] == "sip" and end > self.clock.now() - timedelta(minutes=15):
            message = "subscription does not permit querying recent SIP data"
            return Reply({"message": message}, 403)
        found = [
            (symbol, row)
            for symbol in sorted(symbols)
            for row in self._rows_of(symbol, query.get("asof"))
            if start <= datetime.fromisoformat(row["t"]) <= end
        ]
        page, token = self._page(found, query)
        bars: dict[str, list] = {}
        for symbol, row in page:
            bars.setdefault(symbol, []).append(row)
        return Reply({"bars": bars, "next_page_token": token})

    def _rows_of(self, symbol: str, asof: str | None) -> list[dict]:
        on = self.clock.now().date() if asof in (None, "-") else date.fromisoformat(asof)
        bearers = [
            listing.company
            for listing in self.listings
            if listing.symbol == symbol and listing.since <= on < listing.until
        ]
        if asof == "-" or not bearers:
            chosen = [listing for listing in self.listings if listing.symbol == symbol]
        else:
            chosen = [listing for listing in self.listings if listing.company == bearers[0]]
        rows = []
        for listing in sorted(chosen, key=lambda listing: listing.since):
            for row in self.bars[listing.company]:
                day = datetime.fromisoformat(row["t"]).astimezone(NEW_YORK).date()
                if listing.since <= day < listing.until:
                    rows.append(row)
        return rows

    def _actions(self, request: Request, symbols: list[str]) -> Reply:
        query, today = request.query, self.clock.now().date().isoformat()
        start, end = query.get("start", today), query.get("end", today)
        if end > today and not self.future_allowed:
            return Reply({"message": "end must not be in the future"}, 400)
        assert int(query.get("limit", 100)) <= 1000
        groups = {TYPES[kind] for kind in query["types"].split(",")} if "types" in query else None
        found = [
            (group, row)
            for group, row in self.actions
            if (groups is None or group in groups)
            and start <= str(row.get("process_date", start)) <= end
            and {v for k, v in row.items() if k.endswith("symbol")} & set(symbols)
        ]
        found.sort(key=lambda pair: str(pair[1].get("process_date", "")))
        page, token = self._page(found, query)
        content: dict[str, list] = {}
        for group, row in page:
            content.setdefault(group, []).append(row)
        return Reply({"corporate_actions": content, "next_page_token": token})

    def _page(self, rows: list, query: dict[str, str]) -> tuple[list, str | None]:
        token = query.get("page_token")
        if token is None and self.empty_first_page:
            return [], "0"
        at = int(token or 0)
        until = at + min(self.page_rows, int(query["limit"]))
        return rows[at:until], str(until) if until < len(rows) else None
