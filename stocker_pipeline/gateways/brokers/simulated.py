"""The simulated broker: an account of its own truth, filled at the open of daily bars.

It behaves like Alpaca's market-on-open orders, down to the words of its refusals. It may disagree
with our books, and may be told to misbehave (``simulated_control``, ``misbehaving``). Time is the
clock's alone: every call first processes the sessions whose open has passed and whose bars are
known, so that it makes no difference who calls, how often, and after how many restarts.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Self

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import Clock
from stocker_pipeline.gateways.brokers.broker import (
    Account,
    BrokerOrder,
    BrokerStatus,
    ExecutionPage,
    Holdings,
    OrderRefused,
    OrderRequest,
    OutcomeUnclear,
    ReadFailed,
)
from stocker_pipeline.gateways.brokers.order_window import (
    REFUSAL,
    last_open,
    next_open,
    next_window,
    window_of,
)
from stocker_pipeline.gateways.brokers.simulated_checks import (
    beyond_position,
    malformed,
    not_cancelable,
    untimely,
)
from stocker_pipeline.gateways.brokers.simulated_control import BrokerControl
from stocker_pipeline.gateways.brokers.simulated_market import Costs, SessionMarket
from stocker_pipeline.gateways.brokers.simulated_session import (
    CANCEL_LOSES,
    after_splits,
    process_session,
)
from stocker_pipeline.gateways.brokers.simulated_store import AccountFile, name_of

DUPLICATE_ID = "client_order_id must be unique"
_UNAVAILABLE = 503
_PAGE_SIZE = 100


class SimulatedBroker:
    """One account in one file; see ``Broker`` for what each call promises.

    Args:
        store_path: The account's file; its directory is made.
        initial_cash_e4: Opens the account where the file has none (1/10,000 dollar). None = the
            account must be there.
        page_size: Executions of one page.

    Raises:
        ConfigurationRefused: No account and no initial cash, or the file's account is another.
    """

    name = "simulated"

    def __init__(
        self,
        store_path: Path | str,
        account_number: str,
        clock: Clock,
        market: SessionMarket,
        costs: Costs,
        *,
        initial_cash_e4: int | None = None,
        page_size: int = _PAGE_SIZE,
    ) -> None:
        self._number = account_number
        self._clock = clock
        self._market = market
        self._costs = costs
        self._page_size = page_size
        self._store = _opened(Path(store_path), account_number, clock, initial_cash_e4)
        self.control = BrokerControl(self._store, clock, account_number, self._catch_up)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the account's file."""
        self._store.close()

    def submit(self, order: OrderRequest) -> BrokerOrder:
        with _writing():
            now = self._clock.now()
            self._catch_up()
            announced = self._market.announced(next_window(now).session)
            with self._store.writing("accept"):
                if order.client_order_id and self._store.order(order.client_order_id):
                    raise OutcomeUnclear(DUPLICATE_ID, status=422)
                if refusal := malformed(order) or untimely(order, now):
                    raise refusal
                account = self._store.account()
                if account.last_session >= order.session:
                    # Another process's clock is ahead: the session was processed already.
                    raise OrderRefused(REFUSAL, status=403)
                if account.blocked:
                    raise OrderRefused(account.blocked, status=403)
                position = self._store.position(order.symbol)
                held = after_splits(position.quantity, order.symbol, announced) if position else 0
                if refusal := beyond_position(order, held, self._store.open_orders(order.symbol)):
                    raise refusal
                accepted = BrokerOrder(
                    broker_order_id=name_of(self._number, order.client_order_id),
                    client_order_id=order.client_order_id,
                    symbol=order.symbol,
                    quantity=order.quantity,
                    status=BrokerStatus.ACCEPTED,
                    filled_quantity=0,
                    submitted_at=now,
                )
                self._store.add_order(
                    accepted.broker_order_id,
                    accepted.client_order_id,
                    accepted.symbol,
                    accepted.quantity,
                    order.session,
                    now,
                )
            return accepted

    def order(self, client_order_id: str) -> BrokerOrder | None:
        with _reading():
            self._catch_up()
            return self._store.order(client_order_id)

    def open_orders(self) -> Sequence[BrokerOrder]:
        with _reading():
            self._catch_up()
            return self._store.open_orders()

    def cancel(self, client_order_id: str) -> None:
        with _writing():
            now = self._clock.now()
            self._catch_up()
            with self._store.writing("cancel"):
                order = self._store.order(client_order_id)
                too_late = order is not None and (
                    now >= window_of(self._store.session_of(client_order_id)).until
                )
                if refusal := not_cancelable(client_order_id, order, too_late):
                    raise refusal
                told = self._store.instructions(client_order_id)
                if order is not None and CANCEL_LOSES not in told:
                    self._store.update_order(
                        order.broker_order_id, BrokerStatus.CANCELED, 0, "canceled by request"
                    )

    def executions(self, cursor: str, *, until: str | None = None) -> ExecutionPage:
        """See ``Broker.executions``.

        Args:
            until: Cursor behind which nothing is shown; None = everything.
        """
        with _reading():
            after = _position_of(cursor)
            self._catch_up()
            # One more than a page, to know whether there is more.
            found = self._store.executions(after, self._page_size + 1)
            if until is not None:
                found = [row for row in found if row[0] <= _position_of(until)]
            page = found[: self._page_size]
            return ExecutionPage(
                executions=[execution for _, execution in page],
                cursor=str(page[-1][0]) if page else cursor,
                more=len(found) > len(page),
            )

    def holdings(self) -> Holdings:
        with _reading():
            self._catch_up()
            positions = self._store.positions()
        return Holdings({symbol: position.quantity for symbol, position in positions.items()})

    def account(self) -> Account:
        with _reading():
            self._catch_up()
            with self._store.reading():
                account, positions = self._store.account(), self._store.positions()
        value_e4 = sum(
            position.quantity * round(position.mark * 1e4) for position in positions.values()
        )
        return Account(account.number, account.cash_e4, account.cash_e4 + value_e4, account.blocked)

    def now(self) -> datetime:
        return self._clock.now()

    def move_cash(self, amount_e4: int, session: date, reference: str) -> bool:
        """Deposit (+) or withdraw (−) at the close of a session, once for each reference.

        Args:
            session: Where its close was processed already, the cash moves now.

        Returns:
            Whether it is new; False where the same was done before.

        Raises:
            OutcomeUnclear: No answer; the same call again is safe.
            ValueError: The reference stands for another amount or session, or the amount is 0.
        """
        if amount_e4 == 0:
            raise ValueError(f"wanted an amount other than 0; received 0 as {reference!r}")
        kind = "deposit" if amount_e4 > 0 else "withdrawal"
        with _writing():
            self._catch_up()
            with self._store.writing("cash"):
                known = self._store.cash_moves(reference)
                if known and (known[0].amount_e4, known[0].session) != (amount_e4, session):
                    raise ValueError(
                        f"{reference!r} is {known[0].amount_e4} at {known[0].session}; received "
                        f"{amount_e4} at {session} (1/10,000 dollar)"
                    )
                if not known:
                    self._store.await_cash(session, kind, amount_e4, reference)
                    self._store.book_awaited_cash(self._store.account().last_session)
            return not known

    def _catch_up(self) -> None:
        """Process every session whose open has passed and whose bars are known, in order."""
        now = self._clock.now()
        while True:
            done = self._store.account().last_session
            session, opening = next_open(done)
            if now < opening:
                return
            bars = self._market.session(session)
            if bars is None:
                return
            with self._store.writing("session"):
                # Another process may have been first.
                if self._store.account().last_session == done:
                    process_session(self._store, session, bars, self._costs)


def _opened(path: Path, number: str, clock: Clock, initial_cash_e4: int | None) -> AccountFile:
    where = f"simulated account {number}"
    if initial_cash_e4 is None and not path.exists():
        raise ConfigurationRefused(
            "the file of an account, or initial cash to open one with",
            f"neither: {path.name} is not there",
            where=where,
            remedy="Open the account first.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    store = AccountFile(path)
    try:
        if initial_cash_e4 is not None and not store.exists():
            with store.writing("open"):
                store.create(number, initial_cash_e4, last_open(clock.now()))
        if not store.exists():
            raise ConfigurationRefused(
                "an account in its file, or initial cash to open one with",
                f"neither: {path.name} is empty",
                where=where,
                remedy="Open the account first.",
            )
        account = store.account()
        received = f"{account.number} with {account.initial_cash_e4} (1/10,000 dollar) at first"
        if account.number != number or initial_cash_e4 not in (None, account.initial_cash_e4):
            raise ConfigurationRefused(
                f"account {number}"
                + ("" if initial_cash_e4 is None else f", opened with {initial_cash_e4}"),
                received,
                where=path.name,
                remedy="Name the account's own file and the cash it was opened with.",
            )
    except BaseException:
        store.close()
        raise
    return store


def _position_of(cursor: str) -> int:
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise ReadFailed(f"page_token is invalid: {cursor!r}", status=422)
    return int(cursor)


@contextmanager
def _reading() -> Iterator[None]:
    """A file that does not answer is a broker that does not."""
    try:
        yield
    except sqlite3.Error as error:
        raise ReadFailed(f"the account's file: {error}", status=_UNAVAILABLE) from error


@contextmanager
def _writing() -> Iterator[None]:
    """Where the file does not answer, whether the write is in it is not known."""
    try:
        yield
    except sqlite3.Error as error:
        raise OutcomeUnclear(f"the account's file: {error}", status=_UNAVAILABLE) from error
