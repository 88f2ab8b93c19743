"""Asking the memory for prices before they are needed.

A processor fetches ahead along one row by itself, but starts anew at every page and at every row,
and each time waits for the memory first. In a large market, where a row is read once and none of
it is in a cache, that is a fifth of a forecast. Nothing that is computed depends on it: a kernel
without these calls gives the same numbers.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from stocker_pipeline.engine.compiling import NO_COUNTING

_NUMBERS_OF_A_LINE = 8
"""What one request brings: a cache line of 64 bytes."""
_FEW = 64
"""Fewer are near anyway: the rows before and after them are as short."""
_TO_READ, _KEEP_NEAR, _DATA = 0, 2, 1


def _prefetch(_context: Any, numbers: Any, _index: Any) -> Any:
    """LLVM's ``prefetch`` of one element, into the second-level cache; nothing where it has none.

    https://llvm.org/docs/LangRef.html#llvm-prefetch-intrinsic
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        address = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        how = [ir.Constant(i32, value) for value in (_TO_READ, _KEEP_NEAR, _DATA)]
        builder.call(prefetch, [address, *how])
        return context.get_dummy_value()

    return types.void(numbers, types.intp), code


_request: Any = intrinsic(_prefetch)


@njit(cache=True, **NO_COUNTING)
def fetch_one(numbers: np.ndarray, at: int) -> None:
    """Ask for one element."""
    _request(numbers, at)


@njit(cache=True, **NO_COUNTING)
def fetch(numbers: np.ndarray, begin: int, end: int) -> None:
    """Ask for elements ``begin`` … ``end − 1`` of a contiguous vector, as far as there are any."""
    if end - begin < _FEW:
        return
    for i in range(max(begin, 0), min(end, numbers.shape[0]), _NUMBERS_OF_A_LINE):
        _request(numbers, i)


@njit(cache=True, **NO_COUNTING)
def fetch_some(numbers: np.ndarray, at: np.ndarray, count: int) -> None:
    """Ask for the elements that the first ``count`` of ``at`` name."""
    for k in range(count):
        _request(numbers, at[k])
