"""Dagster's room: partitions, resources, the portfolio component, the batched event storage.

Belongs here: how stages become assets and runs. Stays out: every decision about money, and the
definitions themselves (``defs``).
"""

from stocker_pipeline.lean_imports import give_freed_memory_back

# Here, because everything that runs assets imports this package before it imports pyarrow.
give_freed_memory_back()
