"""Dagster's room: partitions, resources, the portfolio component, the batched event storage.

Belongs here: how stages become assets and runs. Stays out: every decision about money, and the
definitions themselves (``defs``).
"""
