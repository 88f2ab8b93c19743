from collections.abc import Iterator
from pathlib import Path

import pytest

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.ledger import Ledger
from stocker_pipeline.ledger.digests import digest
from stocker_pipeline.ledger.migrate import upgrade
from stocker_pipeline_tests.ledger.builders import (
    BOOK,
    MORNING,
    TUESDAY,
    monday_close,
    open_book,
    trade_monday,
)


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Ledger]:
    """Give another ledger, always on SQLite."""
    url = f"sqlite:///{tmp_path / 'twin.db'}"
    upgrade(url)
    with Ledger.open(url, clock=FixedClock(MORNING)) as opened:
        yield opened


def test_a_day_with_restarts_and_a_lost_answer_has_the_digest_of_an_undisturbed_one(
    ledger: Ledger, twin: Ledger
) -> None:
    open_book(twin)
    trade_monday(twin)
    open_book(ledger)
    trade_monday(ledger, undisturbed=False)

    assert digest(ledger, BOOK) == digest(twin, BOOK)
    assert len(digest(ledger, BOOK)) == 64


def test_a_portfolio_beside_it_leaves_the_digest_alone(ledger: Ledger) -> None:
    open_book(ledger)
    trade_monday(ledger)
    before = digest(ledger, BOOK)

    open_book(ledger, "another", account="SIM-2")

    assert digest(ledger, BOOK) == before
    assert digest(ledger, "another") != before


def test_another_cent_is_another_digest(ledger: Ledger, twin: Ledger) -> None:
    for opened, capital in ((ledger, 10_000), (twin, 10_100)):
        open_book(opened, initial_capital_e4=capital)

    assert digest(ledger, BOOK) != digest(twin, BOOK)


def test_only_the_latest_version_of_a_close_counts(ledger: Ledger, twin: Ledger) -> None:
    for opened in (ledger, twin):
        open_book(opened)
        trade_monday(opened)
    with ledger.lease(BOOK, TUESDAY, "close") as lease:
        from dataclasses import replace

        close = monday_close()
        other = replace(close, snapshot=replace(close.snapshot, drawdown=0.5))
        ledger.write(lease, lambda writer: writer.settle(BOOK, other, restate_reason="late fill"))
        assert digest(ledger, BOOK) != digest(twin, BOOK)
        ledger.write(lease, lambda writer: writer.settle(BOOK, close, restate_reason="undone"))

    assert digest(ledger, BOOK) == digest(twin, BOOK)
