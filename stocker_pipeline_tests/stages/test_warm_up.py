"""What is compiled at install is what a backtest and a session of a book run."""

import subprocess
import sys
from textwrap import dedent

SCRIPT = dedent(
    """
    import gc
    from datetime import date

    import numpy as np
    import pyarrow as pa
    from numba.core.dispatcher import Dispatcher

    from stocker_pipeline.analytics.breadth import market_breadth
    from stocker_pipeline.domain.session import SessionCalendar
    from stocker_pipeline.engine.day import decide
    from stocker_pipeline.engine.settlement import GivenFills, settle
    from stocker_pipeline.engine.simulate import OpeningBook, rules_of
    from stocker_pipeline.stages.market import panel_of
    from stocker_pipeline.stages.simulate import simulate_market
    from stocker_pipeline.stages.warm_up import warm_up
    from stocker_pipeline.strategies.portfolio import portfolio_from
    from stocker_pipeline.strategies.registry import strategies

    def compiled():
        kernels = [thing for thing in gc.get_objects() if isinstance(thing, Dispatcher)]
        return {(kernel.py_func.__qualname__, *kernel.signatures) for kernel in kernels}

    warm_up()
    before = compiled()
    first, last = date(2020, 1, 2), date(2021, 1, 29)
    days = list(SessionCalendar.between(first, last).sessions(first, last).astype(object))
    symbols = ["SPY", "IEF", "GLD", "XYZ"]
    price = 50.0 + np.arange(len(days) * len(symbols)) % 37
    bars = pa.table(
        {
            "symbol": [symbol for symbol in symbols for _ in days],
            "session": days * len(symbols),
            **dict.fromkeys(("open", "high", "low", "close", "volume", "adj_close"), price),
        }
    )
    actions = pa.table({"symbol": ["GLD"], "session": [days[9]], "split": [2.0], "dividend": [0.0]})
    for known in (bars, bars.slice(3)):
        for name in strategies():
            portfolio = portfolio_from({"strategy": name, "universe": symbols}, where="test")
            simulate_market(known, actions, portfolio, where="test")
        panel = panel_of(known, actions, portfolio, last, where="test")
        rules, row = rules_of(portfolio.parameters, 1), len(panel.sessions) - 1
        book = OpeningBook.of_cash(10**9)
        orders = decide(panel, np.full(4, 0.2), rules, book, row).orders()
        fills = GivenFills(*np.array([[0], [1], [10**5], [0]], np.int64))
        decide(panel, np.full(4, 0.1), rules, settle(panel, rules, book, row, fills).closing, row)
    market_breadth(bars, actions, days[0], days[-1])
    assert orders
    print(sorted(str(kernel) for kernel in compiled() - before))
    """
)


def test_nothing_is_compiled_by_the_first_backtest_or_the_first_session():
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr
