"""The real prices beside the repository, in the form that the gate takes."""

import os
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA
from stocker_pipeline.gateways.market_data.sample import SampleMarket
from stocker_pipeline_tests.quality.clean_market import Market

TIINGO = "dev_etf_tiingo_astraded"
YAHOO = "dev_etf_yahoo"
LEAN = "dev_lean_astraded"
SETS = (TIINGO, YAHOO, LEAN)

DATA = Path(os.environ.get("STOCKER_SHARED", Path(__file__).parents[3] / "shared")) / "data"


@cache
def real_set(name) -> Market:
    """One vendor's bars and actions.

    The yahoo set is adjusted for splits already: its splits are left out, they are information.
    """
    prices = pq.read_table(DATA / name / "prices.parquet").rename_columns({"date": "session"})
    bars = prices.select(BARS_SCHEMA.names).cast(BARS_SCHEMA)
    rows = pq.read_table(DATA / name / "corporate_actions.parquet")
    kind = rows["action"].to_numpy()
    value = rows["value"].to_numpy()
    split = np.where(kind == "split", value, 1.0) if name != YAHOO else np.ones(len(kind))
    actions = pa.table(
        [rows["symbol"], rows["date"], split, np.where(kind == "dividend", value, 0.0)],
        names=ACTIONS_SCHEMA.names,
    ).cast(ACTIONS_SCHEMA)
    return Market(bars, actions, pc.max(bars["session"]).as_py())


@cache
def second_vendor(name) -> pa.Table:
    """Bars of other vendors for the symbols of a set, where there are any."""
    tiingo, yahoo, lean = (real_set(one).bars for one in SETS)
    if name == TIINGO:
        return _of(yahoo, ("SPY", "TLT", "SHY", "EFA"))
    if name == YAHOO:
        return pa.concat_tables(
            [_of(tiingo, ("SPY", "TLT", "SHY", "EFA")), _of(lean, ("IWM", "QQQ", "EEM"))]
        )
    sample = SampleMarket().fetch(["AAPL", "FB", "GOOG", "IBM"], date(2000, 3, 1), date(2013, 3, 1))
    return pa.concat_tables(
        [
            _of(yahoo, ("SPY", "IWM", "QQQ", "EEM")),
            sample.bars.select(BARS_SCHEMA.names).cast(BARS_SCHEMA),
        ]
    )


def only(market, symbols) -> Market:
    """The market of some symbols."""
    return replace(market, bars=_of(market.bars, symbols), actions=_of(market.actions, symbols))


def up_to(market, last) -> Market:
    """The market as it was after a session."""
    return Market(
        market.bars.filter(pc.less_equal(market.bars["session"], pa.scalar(last))),
        market.actions.filter(pc.less_equal(market.actions["session"], pa.scalar(last))),
        last,
    )


def _of(table, symbols):
    return table.filter(pc.is_in(table["symbol"], value_set=pa.array(symbols)))
