"""The rules a user writes: from a window of past prices to weights, and nothing else reachable.

A strategy sees prices up to the previous session and its own parameters. Books, brokers, clocks,
files and Dagster stay out. ``docs/strategies.md`` shows how to write one.
"""
