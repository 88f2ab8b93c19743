"""Where compiled kernels are kept: one folder for each state of the sources.

Numba looks whether the file of a kernel has changed, not whether a kernel that it calls in another
file has. After an update a book would be settled by a mixture of old and new rules. So the folder's
name is a digest of every source that kernels are in, and nothing compiled from others is found.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

_VARIABLE = "NUMBA_CACHE_DIR"
_PREFIX = "stocker-kernels-"
_SOURCES = Path(__file__).parents[1]
_ROOMS = ("engine", "strategies")
"""Packages of kernels; a kernel of one calls those of another."""
_GUESTS = ("analytics",)
"""Packages where a file or two has a kernel: only a file that names Numba counts, so that a change
of a report does not compile the engine anew. Such a kernel keeps its constants in its own file."""


def digest_of(sources: Path) -> str:
    """Sixteen hex digits over names and contents of the Python files with kernels."""
    found = hashlib.sha256()
    for path in sorted(p for room in (*_ROOMS, *_GUESTS) for p in (sources / room).rglob("*.py")):
        content = path.read_bytes()
        if path.relative_to(sources).parts[0] in _GUESTS and b"numba" not in content:
            continue
        found.update(f"{path.relative_to(sources)}:{len(content)}:".encode() + content)
    return found.hexdigest()[:16]


def folder(given: str | None, sources: Path = _SOURCES) -> Path:
    """The folder for these sources, inside the one that a person named or beside the sources.

    Args:
        given: ``NUMBA_CACHE_DIR`` as it is set. A parent process of ours has set it to a folder of
            its own sources, which an update may have changed since.
    """
    parent = sources / "engine" / "__pycache__" if given is None else Path(given)
    if parent.name.startswith(_PREFIX):
        parent = parent.parent
    return parent / f"{_PREFIX}{digest_of(sources)}"


def choose() -> None:
    """Tell Numba, whether it is loaded already or not."""
    chosen = str(folder(os.environ.get(_VARIABLE)))
    os.environ[_VARIABLE] = chosen
    numba = sys.modules.get("numba")
    if numba is not None:
        numba.config.CACHE_DIR = chosen


def forget_others() -> int:
    """Remove what was compiled from other states of the sources; returns how many there were."""
    current = folder(os.environ.get(_VARIABLE))
    others = [path for path in current.parent.glob(f"{_PREFIX}*") if path != current]
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    return len(others)
