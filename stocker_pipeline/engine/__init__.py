"""The arithmetic that backtest, paper and live share: arrays in, arrays out.

Belongs here: every rule that turns prices and a book into signals, targets, orders, fills and the
next book. Stays out: files, clocks, randomness, vendors, Dagster, and any decision about *when* to
run. Money is int64 in 1/10,000 dollar (suffix ``_e4``) wherever it is added up.
"""

from stocker_pipeline.engine import kernel_cache

kernel_cache.choose()
