"""How a session of a book ended, in one word, one code and one sentence.

Belongs here: which fact outweighs which. Stays out: finding the facts, and writing the outcome.
"""

import enum
from dataclasses import dataclass

from stocker_pipeline.domain.orders import SessionOutcome


class OutcomeCode(enum.StrEnum):
    """Why a session ended as it did."""

    FILLED = "FILLED"
    PARTLY_FILLED = "PARTLY_FILLED"
    NOTHING_TO_DO = "NOTHING_TO_DO"
    ALL_WITHHELD = "ALL_WITHHELD"
    NOT_FILLED = "NOT_FILLED"
    LATE = "LATE"
    NO_BARS = "NO_BARS"
    NOT_DECIDED = "NOT_DECIDED"
    KILLED = "KILLED"
    DATA_OUTAGE = "DATA_OUTAGE"
    VALUE_JUMP = "VALUE_JUMP"
    BREAKS = "BREAKS"
    LOCKED = "LOCKED"

    @property
    def outcome(self) -> SessionOutcome:
        """The word that the code belongs to."""
        return _OUTCOME[self]

    @property
    def meaning(self) -> str:
        """One sentence for a reader who has never seen the code."""
        return _MEANING[self]


_OUTCOME = {
    OutcomeCode.FILLED: SessionOutcome.TRADED,
    OutcomeCode.PARTLY_FILLED: SessionOutcome.TRADED,
    OutcomeCode.NOTHING_TO_DO: SessionOutcome.NO_TRADES,
    OutcomeCode.ALL_WITHHELD: SessionOutcome.NO_TRADES,
    OutcomeCode.NOT_FILLED: SessionOutcome.NO_TRADES,
    OutcomeCode.LATE: SessionOutcome.SKIPPED,
    OutcomeCode.NO_BARS: SessionOutcome.SKIPPED,
    OutcomeCode.NOT_DECIDED: SessionOutcome.SKIPPED,
    OutcomeCode.KILLED: SessionOutcome.HALTED,
    OutcomeCode.DATA_OUTAGE: SessionOutcome.HALTED,
    OutcomeCode.VALUE_JUMP: SessionOutcome.HALTED,
    OutcomeCode.BREAKS: SessionOutcome.HALTED,
    OutcomeCode.LOCKED: SessionOutcome.HALTED,
}

_MEANING = {
    OutcomeCode.FILLED: "every order was filled",
    OutcomeCode.PARTLY_FILLED: "some of what was wanted was filled",
    OutcomeCode.NOTHING_TO_DO: "no order was wanted",
    OutcomeCode.ALL_WITHHELD: "orders were wanted and none was sent",
    OutcomeCode.NOT_FILLED: "orders were sent and none was filled",
    OutcomeCode.LATE: "the window for orders had passed; the book was settled without any",
    OutcomeCode.NO_BARS: "bars to decide on were missing; the book was settled without orders",
    OutcomeCode.NOT_DECIDED: "nobody was there before the open; the book was settled later",
    OutcomeCode.KILLED: "the portfolio was switched off",
    OutcomeCode.DATA_OUTAGE: "bars of the universe were missing and the portfolio halts then",
    OutcomeCode.VALUE_JUMP: "the account's value jumped and no one has confirmed it",
    OutcomeCode.BREAKS: "the broker's account and our book differ",
    OutcomeCode.LOCKED: "every symbol that an order was wanted of is locked",
}


@dataclass(frozen=True)
class Outcome:
    """How a session ended."""

    outcome: SessionOutcome
    code: OutcomeCode
    reason: str


def outcome_of(
    *,
    wanted: int = 0,
    sent: int = 0,
    filled: int = 0,
    executions: int = 0,
    skipped: OutcomeCode | None = None,
    halted: OutcomeCode | None = None,
    detail: str = "",
) -> Outcome:
    """The outcome that the facts of a session give.

    A fill outweighs everything: a session that was halted after its orders had traded has traded.
    Then a halt, then a skip, then what became of the orders.

    Args:
        wanted: Orders decided.
        sent: Of these, sent to the broker.
        filled: Of these, filled in full.
        executions: Fills booked.
        skipped, halted: Why nothing was decided, or why orders were held back; None = neither.
        detail: Words behind the sentence, such as the sentence of the outage.

    Raises:
        ValueError: Counts that cannot be, or a code that is no halt or skip.
    """
    _check(wanted, sent, filled, executions, skipped, halted)
    if executions:
        whole = filled == wanted
        code = OutcomeCode.FILLED if whole else OutcomeCode.PARTLY_FILLED
    elif halted is not None:
        code = halted
    elif skipped is not None:
        code = skipped
    elif wanted == 0:
        code = OutcomeCode.NOTHING_TO_DO
    else:
        code = OutcomeCode.NOT_FILLED if sent else OutcomeCode.ALL_WITHHELD
    told = [code.meaning]
    if wanted:
        told.append(f"{wanted} wanted, {sent} sent, {filled} filled in full")
    told.extend(cause.meaning for cause in (halted, skipped) if cause and cause is not code)
    if detail:
        told.append(detail)
    return Outcome(code.outcome, code, "; ".join(told))


def _check(
    wanted: int,
    sent: int,
    filled: int,
    executions: int,
    skipped: OutcomeCode | None,
    halted: OutcomeCode | None,
) -> None:
    if not 0 <= filled <= sent <= wanted or executions < filled:
        raise ValueError(
            f"wanted {wanted} ≥ sent {sent} ≥ filled {filled} ≥ 0 and executions {executions} ≥ "
            "filled do not hold"
        )
    for cause, word in ((skipped, SessionOutcome.SKIPPED), (halted, SessionOutcome.HALTED)):
        if cause is not None and cause.outcome is not word:
            raise ValueError(f"{cause} is no reason for {word}")
