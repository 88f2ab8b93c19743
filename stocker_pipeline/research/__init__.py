"""What a notebook reads: bars, books and marts as pandas tables, and a quick backtest.

Reading only: nothing here writes into the lake, the ledger or the warehouse. Stays out: whatever
decides, books or orders. ``docs/research.md`` shows how to use it.
"""

from stocker_pipeline.research.backtest import Backtest
from stocker_pipeline.research.frames import Research

__all__ = ["Backtest", "Research"]
