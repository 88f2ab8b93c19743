"""What more than one kernel needs of the compiler, and why."""

from collections.abc import Callable
from typing import Any

NO_COUNTING: Any = {"_nrt": False}
"""For kernels that allocate nothing. Numba counts references to every array of a book and a market
at every call; for the functions behind a fill that cost more than their arithmetic. The option is
Numba's own but undocumented, so it is named in one place."""

INLINE: Any = {"inline": "always", **NO_COUNTING}
"""The same for the small functions inside the loop over symbols."""


def machine_code(kernel: Any) -> Callable[..., Any]:
    """What a kernel that was just called ran, for more calls with arguments of the same types.

    The kernel itself looks at the type of every array of a book and a market at each call; for a
    part of fifty sessions of 3,000 symbols that takes a tenth of the time. Here nothing looks: the
    caller answers for types, dimensions and layouts. A kernel that this process has called with
    more than one set of types is returned as it is, for then it is not known which one is meant.
    """
    compiled = list(getattr(kernel, "overloads", {}).values())
    return compiled[0].entry_point if len(compiled) == 1 else kernel
