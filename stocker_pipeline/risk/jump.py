"""Whether an account's value is to be believed: it rarely moves by a tenth in a session.

A split booked once, a deposit that no one entered and a price that is ten times too high look alike
from here, and each would set the peak, the returns and every target. A value that jumps is
therefore not used until a person says so. Stays out: where the values come from, and what waits.
"""

import enum
import math
from dataclasses import dataclass
from fractions import Fraction

from stocker_pipeline.domain.errors import ConfigurationRefused

JUMP_LIMIT = 0.10
"""Largest change of value net of flows, as a fraction of the value before, that is believed."""


class BeliefCode(enum.StrEnum):
    """Why a value is believed, or not."""

    WITHIN_LIMIT = "WITHIN_LIMIT"
    CONFIRMED = "CONFIRMED"
    JUMP = "JUMP"
    NOTHING_BEFORE = "NOTHING_BEFORE"
    MISSING = "MISSING"

    @property
    def meaning(self) -> str:
        """One sentence for a reader who has never seen the code."""
        return _MEANING[self]


_MEANING = {
    BeliefCode.WITHIN_LIMIT: "the value moved no more than values do",
    BeliefCode.CONFIRMED: "the value jumped, and a person confirmed it",
    BeliefCode.JUMP: "the value jumped; it is not used until a person confirms it",
    BeliefCode.NOTHING_BEFORE: "there was no value above zero before, so no change can be judged; "
    "it is not used until a person confirms it",
    BeliefCode.MISSING: "a value or a flow is not known, so there is nothing to judge",
}


@dataclass(frozen=True)
class Belief:
    """The verdict on one change of value.

    Attributes:
        change: As a fraction of the value before, flows taken out; NaN where it is not defined.
    """

    believed: bool
    code: BeliefCode
    change: float
    limit: float

    @property
    def reason(self) -> str:
        """The sentence with its numbers."""
        if math.isnan(self.change):
            return self.code.meaning
        return f"{self.change:+.2%} net of flows, limit {self.limit:.2%}: {self.code.meaning}"


def believable(
    nav_before_e4: float | None,
    flows_e4: float | None,
    nav_after_e4: float | None,
    *,
    limit: float = JUMP_LIMIT,
    confirmed: bool = False,
) -> Belief:
    """Judge ``(nav_after − flows)/nav_before − 1``; exactly at the limit is believed.

    The comparison is exact. Nothing that is missing is believed, whoever confirms it: there is no
    number to confirm. A flow must be given as 0 where there was none.

    Args:
        nav_before_e4, nav_after_e4: Values at two closes, 1/10,000 dollar; None or NaN = missing.
        flows_e4: Deposits less withdrawals between them, included in the value after.
        limit: A fraction above 0, at most 1.
        confirmed: Whether a person said that they believe this very change.

    Raises:
        ConfigurationRefused: The limit is out of its bounds.
    """
    if not 0 < limit <= 1:
        raise ConfigurationRefused(
            "a fraction above 0 and at most 1",
            str(limit),
            where="the limit of a jump in value",
            remedy="A jump is confirmed, not hidden by a wider limit.",
        )
    numbers = (nav_before_e4, flows_e4, nav_after_e4)
    known = [Fraction(number) for number in numbers if number is not None and math.isfinite(number)]
    if len(known) < len(numbers):
        return Belief(False, BeliefCode.MISSING, math.nan, limit)
    before, flows, after = known
    if before <= 0:
        return Belief(confirmed, BeliefCode.NOTHING_BEFORE, math.nan, limit)
    change = (after - flows) / before - 1
    # The limit as it is written: 0.1 is a tenth, not the float beside it.
    if abs(change) <= Fraction(str(limit)):
        return Belief(True, BeliefCode.WITHIN_LIMIT, float(change), limit)
    code = BeliefCode.CONFIRMED if confirmed else BeliefCode.JUMP
    return Belief(confirmed, code, float(change), limit)
