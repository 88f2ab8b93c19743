"""How a ledger's database gets from one revision to the next. A revision, once shipped, stays.

Belongs here: revisions, each with the SQL it ran, frozen. Stays out: the tables as they are now.
"""

from typing import Final

HEAD: Final = "0001"
"""The revision that this code reads and writes."""
