"""Rows of orders that limits stopped: added once, never changed, alike on both databases."""

from dataclasses import replace
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import Ledger, LedgerRefused
from stocker_pipeline.ledger.backups import backup, restore
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.limit_records import LimitRejection, LimitStage
from stocker_pipeline_tests.ledger.builders import BOOK, MONDAY, TUESDAY, decide, open_book

ROW = LimitRejection(
    BOOK,
    MONDAY,
    "stk-msft",
    "MSFT",
    "single_name",
    LimitStage.GATE,
    0.41,
    0.385,
    "of NAV",
    "the position in MSFT is 41.00% of NAV, at most 38.50% of NAV is allowed",
)
UNKNOWN = replace(
    ROW, client_order_id="stk-aapl", symbol="AAPL", limit="participation", measured=None, bound=0.01
)
AT_SIZING = replace(ROW, stage=LimitStage.SIZING)


@pytest.fixture
def decided(ledger: Ledger) -> Ledger:
    open_book(ledger)
    with ledger.lease(BOOK, MONDAY, "open") as lease:
        decide(ledger, lease)
    return ledger


def rows(ledger: Ledger) -> list[LimitRejection]:
    found = ledger.read(lambda r: r.limit_rejections(BOOK, MONDAY))
    assert all(row.recorded_at for row in found)
    return [replace(row, recorded_at=None) for row in found]


def test_rejections_are_read_as_they_were_written_sizing_first(decided: Ledger):
    wanted = [ROW, UNKNOWN, AT_SIZING]
    assert decided.write(None, lambda w: w.put_limit_rejections(wanted)) == 3
    assert rows(decided) == [AT_SIZING, UNKNOWN, ROW]
    assert decided.read(lambda r: r.limit_rejections(BOOK, TUESDAY)) == []
    assert len(decided.read(lambda r: r.limit_rejections(BOOK))) == 3


def test_the_same_rejection_again_is_nothing_and_its_first_numbers_stay(decided: Ledger):
    decided.write(None, lambda w: w.put_limit_rejections([ROW]))
    again = replace(ROW, measured=0.5, sentence="another number")
    assert decided.write(None, lambda w: w.put_limit_rejections([again])) == 0
    assert rows(decided) == [ROW]


@pytest.mark.parametrize(
    "act", ["UPDATE limit_rejections SET bound = '9'", "DELETE FROM limit_rejections"]
)
def test_a_rejection_is_never_changed_or_deleted(decided: Ledger, act: str):
    decided.write(None, lambda w: w.put_limit_rejections([ROW]))
    with pytest.raises(LedgerRefused, match="append_only"):
        decided.write(None, lambda w: w.connection.exec_driver_sql(act))
    assert rows(decided) == [ROW]


def test_a_rejection_needs_a_session_that_is_open(decided: Ledger):
    with pytest.raises(LedgerRefused):
        decided.write(None, lambda w: w.put_limit_rejections([replace(ROW, session=TUESDAY)]))


def test_a_rejection_is_part_of_the_book_and_of_a_backup(
    decided: Ledger, ledger_url: str, tmp_path: Path, clock: FixedClock
):
    before = digest(decided, BOOK)
    decided.write(None, lambda w: w.put_limit_rejections([ROW]))
    after = digest(decided, BOOK)
    assert after != before
    copy, other = tmp_path / "copy.backup", f"sqlite:///{tmp_path / 'other.db'}"
    assert backup(ledger_url, copy).digests == {BOOK: after}
    restore(copy, other)
    with Ledger.open(other, clock=clock) as restored:
        assert rows(restored) == [ROW]
