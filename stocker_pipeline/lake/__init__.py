"""Delta tables: what sources said and when, what was decided about it, and what is computed of it.

Bars, actions, instruments and verdicts keep every version and are only appended to: nobody can ask
a source what it said last week. Signals, findings and a backtest's books can be recomputed and are
replaced. Belongs here: where tables live, their schemas, appending, replacing and reading a range.
Stays out: what the rows mean, and the ledger of paper and live trading.
"""
