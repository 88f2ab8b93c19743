"""How long properties are searched: a few examples in every run, many with the longer tests.

Examples are the same in every run, so that the later ones of an unchanged program find nothing that
they did not find the last time. What is broken is mostly found within the first ten.
"""

_searched: list[str] = []


def search_long() -> None:
    """From now on, give the larger number; said before the modules of tests are loaded."""
    _searched.append("long")


def examples(few: int, many: int) -> int:
    """Examples of one property: ``few`` in ``make test``, ``many`` in ``make slow``."""
    return many if _searched else few
