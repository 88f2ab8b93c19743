"""Options of the compiler that more than one kernel needs, and why."""

from typing import Any

NO_COUNTING: Any = {"_nrt": False}
"""For kernels that allocate nothing. Numba counts references to every array of a book and a market
at every call; for the functions behind a fill that cost more than their arithmetic. The option is
Numba's own but undocumented, so it is named in one place."""

INLINE: Any = {"inline": "always", **NO_COUNTING}
"""The same for the small functions inside the loop over symbols."""
