"""Definitions by concept, found by Dagster on its own: market data, portfolios, analytics.

Each file declares assets, checks, schedules or sensors and calls a stage. One style per file, and
no loose helper: everything under here is scanned.
"""
