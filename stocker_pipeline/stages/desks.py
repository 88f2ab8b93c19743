"""A desk for a portfolio: its market from the lake, its account at the simulated broker.

Belongs here: which parts a mode is made of. Stays out: what a desk is, and settings, which callers
read.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from stocker_pipeline.domain.session import Clock, SessionCalendar
from stocker_pipeline.engine.money import to_e4
from stocker_pipeline.gateways.brokers.simulated import SimulatedBroker
from stocker_pipeline.gateways.brokers.simulated_market import Costs, PanelMarket
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.kill_file import KILL_FILE
from stocker_pipeline.stages.market import read_panel
from stocker_pipeline.strategies.portfolio import Portfolio


def account_number(name: str) -> str:
    """The simulated account of a portfolio."""
    return f"SIM-{name}"


@contextmanager
def simulated_desk(
    name: str,
    portfolio: Portfolio,
    *,
    environment: str,
    ledger: Ledger,
    lake: Lake,
    accounts: Path,
    clock: Clock,
    last: date,
    also: Collection[str] = (),
) -> Iterator[Desk]:
    """A portfolio at the simulated broker, on the lake's bars.

    Args:
        accounts: Folder of the simulated broker's own files.
        last: The last session to be traded or settled at this desk.
        also: Symbols beside those of the portfolio and those held, such as one to be adopted.

    Raises:
        InputRefused: The lake has no bar of the portfolio's symbols.
    """
    held = {lot.symbol for lot in ledger.read(lambda r: r.lots(name))}
    panel, read = read_panel(lake, portfolio, last, also=sorted(held | set(also)))
    first: date = panel.sessions[0].item()
    book = ledger.read(lambda r: r.portfolio(name))
    capital = to_e4(portfolio.initial_capital) if book is None else book.initial_capital_e4
    accounts.mkdir(parents=True, exist_ok=True)
    with SimulatedBroker(
        accounts / f"{name}.sqlite",
        account_number(name),
        clock,
        PanelMarket(panel, clock),
        Costs.of(portfolio.parameters),
        initial_cash_e4=capital,
    ) as broker:
        yield Desk(
            name=name,
            portfolio=portfolio,
            environment=environment,
            account=account_number(name),
            ledger=ledger,
            broker=broker,
            clock=clock,
            calendar=SessionCalendar.between(first, last),
            panel=panel,
            data_versions={name: str(version) for name, version in read.items()},
            kill_file=accounts.parent / KILL_FILE,
        )
