"""Rules that do not hold, differences with the broker, and whose orders they are."""

import pytest

from stocker_pipeline.risk.monitors.truth import (
    BrokenRules,
    Comparisons,
    ForeignActivity,
    OpenBreak,
    foreign_activity,
    integrity,
    listed,
    reconciliation,
)
from stocker_pipeline.risk.monitors.verdict import Action, Finding
from stocker_pipeline.risk.reconciliation import BreakKind


@pytest.mark.parametrize(
    ("names", "action"), [([], Action.NONE), (["inv_09"], Action.KILLED), (None, Action.KILLED)]
)
def test_one_rule_that_does_not_hold_or_cannot_be_checked_kills(names, action):
    assert integrity(BrokenRules(names)).action is action


def locked(count: int) -> list[OpenBreak]:
    return [OpenBreak(BreakKind.QUANTITY, f"S{number}") for number in range(count)]


CASH = OpenBreak(BreakKind.CASH, "")
COMPARED = [
    ("nothing differs", Comparisons(), Action.NONE),
    ("what locks its symbol is no reason yet", Comparisons(locked(3)), Action.NONE),
    ("one symbol more than may be locked", Comparisons(locked(4)), Action.KILLED),
    ("two breaks of one symbol lock one", Comparisons(locked(3) * 2), Action.NONE),
    ("cash", Comparisons([CASH]), Action.KILLED),
    ("one less than too many in a row", Comparisons(unclean_in_a_row=5), Action.NONE),
    ("too many in a row", Comparisons(unclean_in_a_row=6), Action.KILLED),
    ("never compared", Comparisons(unclean_in_a_row=None), Action.KILLED),
]


@pytest.mark.parametrize(("case", "found", "action"), COMPARED)
def test_reconciliation_kills_beyond_what_locks_a_symbol(case, found, action):
    verdict = reconciliation(found, locked_symbols=3, unclean=6)
    assert verdict.action is action
    assert verdict.raised is (action is Action.KILLED)


def test_before_the_first_close_there_is_nothing_to_compare():
    found = Comparisons(unclean_in_a_row=None, settled=False)
    assert reconciliation(found, 3, 6).finding is Finding.NOT_JUDGED


@pytest.mark.parametrize(
    ("found", "action", "measured"),
    [
        (ForeignActivity(), Action.NONE, 0),
        (ForeignActivity(suspense=["e1"]), Action.REDUCE_ONLY, 1),
        (ForeignActivity(orphan_orders=["AAPL"]), Action.REDUCE_ONLY, 1),
        (ForeignActivity(["e1", "e2"], ["AAPL"]), Action.REDUCE_ONLY, 3),
        (ForeignActivity(None, []), Action.REDUCE_ONLY, None),
        (ForeignActivity([], None), Action.REDUCE_ONLY, None),
    ],
)
def test_activity_that_is_not_ours_only_reduces(found, action, measured):
    verdict = foreign_activity(found)
    assert (verdict.action, verdict.measured) == (action, measured)


def test_a_long_list_says_how_much_it_leaves_out():
    assert listed([str(number) for number in range(7)]) == "0, 1, 2, 3, 4 and 2 more"
