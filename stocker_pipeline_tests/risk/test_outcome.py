"""One word for a session: which fact outweighs which."""

import pytest

from stocker_pipeline.domain.orders import SessionOutcome
from stocker_pipeline.risk.outcome import OutcomeCode, outcome_of


@pytest.mark.parametrize(
    ("facts", "outcome", "code"),
    [
        ({}, "NO_TRADES", "NOTHING_TO_DO"),
        ({"wanted": 3}, "NO_TRADES", "ALL_WITHHELD"),
        ({"wanted": 3, "sent": 1}, "NO_TRADES", "NOT_FILLED"),
        ({"wanted": 3, "sent": 3, "executions": 1}, "TRADED", "PARTLY_FILLED"),
        ({"wanted": 3, "sent": 3, "filled": 2, "executions": 2}, "TRADED", "PARTLY_FILLED"),
        ({"wanted": 3, "sent": 2, "filled": 2, "executions": 2}, "TRADED", "PARTLY_FILLED"),
        ({"wanted": 3, "sent": 3, "filled": 3, "executions": 7}, "TRADED", "FILLED"),
        ({"skipped": "LATE"}, "SKIPPED", "LATE"),
        ({"skipped": "LATE", "halted": "KILLED"}, "HALTED", "KILLED"),
        ({"wanted": 2, "halted": "KILLED"}, "HALTED", "KILLED"),
        (
            {"wanted": 2, "sent": 1, "filled": 1, "executions": 1, "halted": "KILLED"},
            "TRADED",
            "PARTLY_FILLED",
        ),
    ],
)
def test_the_facts_of_a_session_give_its_outcome(facts, outcome, code):
    causes = {key: OutcomeCode(facts[key]) for key in ("skipped", "halted") if key in facts}
    found = outcome_of(**(facts | causes))
    assert (found.outcome, found.code) == (SessionOutcome(outcome), OutcomeCode(code))
    assert found.reason.startswith(found.code.meaning)
    for cause in causes.values():
        assert cause.meaning in found.reason


def test_counts_and_details_are_told():
    found = outcome_of(wanted=5, sent=4, detail="AAPL is locked by a break")
    assert found.reason == (
        "orders were sent and none was filled; 5 wanted, 4 sent, 0 filled in full; "
        "AAPL is locked by a break"
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"wanted": 1, "sent": 2},
        {"wanted": 2, "sent": 1, "filled": 2, "executions": 2},
        {"wanted": 1, "sent": 1, "filled": 1},
        {"filled": -1},
        {"skipped": OutcomeCode.KILLED},
        {"halted": OutcomeCode.LATE},
    ],
)
def test_facts_that_cannot_be_are_refused(facts):
    with pytest.raises(ValueError, match=r"do not hold|is no reason for"):
        outcome_of(**facts)


def test_every_code_has_a_word_and_a_sentence():
    assert all(code.meaning and code.outcome for code in OutcomeCode)
