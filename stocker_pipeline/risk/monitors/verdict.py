"""What a monitor says: raised, clear or not judged, with its numbers and one sentence."""

import enum
import math
from dataclasses import dataclass


class Finding(enum.StrEnum):
    """What came of judging."""

    RAISED = "raised"
    CLEAR = "clear"
    NOT_JUDGED = "not_judged"


class Action(enum.StrEnum):
    """What is to follow, from least to most: a word to a person, or a tighter control state.

    The last two are names of control states. None of them loosens anything.
    """

    NONE = "none"
    WARN = "warn"
    TELL = "tell"
    REDUCE_ONLY = "REDUCE_ONLY"
    KILLED = "KILLED"

    @property
    def rank(self) -> int:
        """0 for nothing, higher for more."""
        return list(Action).index(self)


@dataclass(frozen=True)
class Verdict:
    """The verdict on one set of facts.

    Attributes:
        measured, bound: The two numbers that were compared, where there are such; None = the
            number is not known, or there is none.
        action: NONE unless it is raised, or a number that should be there is missing.
    """

    finding: Finding
    sentence: str
    measured: float | None = None
    bound: float | None = None
    action: Action = Action.NONE

    @property
    def raised(self) -> bool:
        """Whether something has to follow."""
        return self.finding is Finding.RAISED


def raised(
    action: Action, sentence: str, measured: float | None = None, bound: float | None = None
) -> Verdict:
    """The bound is reached, or a fact that must not be is there."""
    return Verdict(Finding.RAISED, sentence, measured, bound, action)


def clear(sentence: str, measured: float | None = None, bound: float | None = None) -> Verdict:
    """Everything is as it should be."""
    return Verdict(Finding.CLEAR, sentence, measured, bound)


def too_early(sentence: str) -> Verdict:
    """There is nothing to judge yet; nobody needs to know."""
    return Verdict(Finding.NOT_JUDGED, sentence)


def missing(sentence: str, bound: float | None = None) -> Verdict:
    """A number that should be there is not, and money is safe without it: a person is told."""
    return Verdict(Finding.NOT_JUDGED, sentence, None, bound, Action.WARN)


def unknown(action: Action, sentence: str, bound: float | None = None) -> Verdict:
    """A number that money needs is not there: the same as if it were beyond its bound."""
    return Verdict(Finding.RAISED, sentence, None, bound, action)


def known(*numbers: float | None) -> bool:
    """Whether every number is there and finite."""
    return all(number is not None and math.isfinite(number) for number in numbers)
