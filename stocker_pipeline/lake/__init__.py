"""Delta tables of everything that can be recomputed: bars, actions, signals, a backtest's books.

Belongs here: where tables live, their schemas, replacing a range, reading a range. Stays out: what
the rows mean, and anything of paper and live trading that cannot be recomputed.
"""
