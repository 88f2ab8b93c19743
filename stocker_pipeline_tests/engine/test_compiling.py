"""A kernel's machine code is used only where it is known which one was meant."""

import numpy as np
from numba import njit

from stocker_pipeline.engine.compiling import machine_code


@njit
def doubled(values):
    return 2 * values[0]


def test_machine_code_of_a_kernel_does_what_the_kernel_does():
    assert machine_code(doubled) is doubled, "it was not called yet"
    assert doubled(np.array([2.0])) == 4.0
    assert machine_code(doubled) is not doubled
    assert machine_code(doubled)(np.array([3.0])) == 6.0
    assert doubled(np.array([2])) == 4
    assert machine_code(doubled) is doubled, "of two it is not known which one is meant"


def test_a_function_that_is_not_compiled_is_called_as_it_is():
    assert machine_code(len) is len
