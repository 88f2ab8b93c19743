"""The words of the business: sessions, markets, orders, portfolios, errors.

Plain values and rules about them. No I/O, no arrays kernels, no vendor, no Dagster.
"""
