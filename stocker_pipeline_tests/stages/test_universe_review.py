"""The monthly review: who came and went, who breaks a bound, and what is said of each symbol."""

import json
from datetime import date, timedelta

import pytest

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.domain.session import FixedClock, SessionCalendar
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.instruments import store_instruments
from stocker_pipeline.stages.universe_review import (
    Note,
    next_session_to_decide,
    review_text,
    review_universes,
    write_reviews,
)
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from
from stocker_pipeline_tests.stages.fake_gate import judge
from stocker_pipeline_tests.stages.scripted_market import ScriptedMarket, numbers
from stocker_pipeline_tests.stages.test_instruments import row, rows

FIRST, LAST = date(2023, 10, 2), date(2024, 1, 12)
CALENDAR = SessionCalendar.between(FIRST, LAST)
DAYS = CALENDAR.sessions(FIRST, LAST).tolist()
REVIEW = date(2024, 1, 2)
"""The first session of a month; the one compared with is 2023-12-01."""
SYMBOLS = ("CHEAP", "GONE", "NEW", "SOUND", "THIN")
BOUNDS = {
    "price_min_usd": 5,
    "dollar_volume_min_usd": 10_000,
    "dollar_volume_sessions": 5,
    "history_min_sessions": 20,
}


def falls_to_four_in_december(day: date) -> float:
    return 10.0 if day < date(2023, 12, 11) else 4.0


@pytest.fixture
def market(clock: FixedClock) -> ScriptedMarket:
    """SOUND keeps every bound; the others are named after what they do not keep."""
    market = ScriptedMarket(clock)
    for step, day in enumerate(DAYS):
        market.bars["SOUND", day] = numbers(50.0 + 0.01 * step)
        market.bars["CHEAP", day] = numbers(falls_to_four_in_december(day), volume=10_000.0)
        market.bars["THIN", day] = numbers(20.0, volume=100.0)
        if day < date(2023, 11, 20):
            market.bars["GONE", day] = numbers(30.0)
        if day >= date(2023, 11, 10):
            market.bars["NEW", day] = numbers(60.0 + 0.01 * step)
    return market


@pytest.fixture
def stored(lake: Lake, clock: FixedClock, market: ScriptedMarket) -> Lake:
    ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    return lake


def portfolio(universe: object, **parameters: object) -> Portfolio:
    given = {"lookback": 10, "window": 30, **parameters}
    return portfolio_from(
        {"strategy": "trend", "universe": universe, "parameters": given}, where="test"
    )


def filtered(**bounds: object) -> Portfolio:
    return portfolio({"symbols": list(SYMBOLS), "filter": {**BOUNDS, **bounds}})


def reviewed(lake: Lake, chosen: Portfolio, session: date = REVIEW):
    (found,) = review_universes(lake, {"mine": chosen}, session, judge=judge)
    return found


def notes(found) -> dict[str, set[Note]]:
    return {each.symbol: set(each.notes) - {Note.FLAGS_UNKNOWN} for each in found.symbols}


def test_a_review_says_who_came_and_went_since_the_month_before_and_why(stored):
    found = reviewed(stored, filtered())
    assert (found.session, found.compared_with) == (REVIEW, date(2023, 12, 1))
    assert found.members == 2
    assert notes(found) == {
        "CHEAP": {Note.LEFT, Note.BELOW_PRICE},
        "GONE": {Note.LEFT, Note.OLD_BAR, Note.NO_RECENT_BAR},
        "NEW": {Note.JOINED},
        "SOUND": set(),
        "THIN": {Note.BELOW_DOLLAR_VOLUME},
    }
    ages = {each.symbol: each.bar_age_sessions for each in found.symbols}
    since = CALENDAR.sessions(date(2023, 11, 17), REVIEW)
    assert ages == {**dict.fromkeys(SYMBOLS, 1), "GONE": len(since) - 1}


def test_between_reviews_it_says_who_will_come_and_go_at_the_next_one(stored):
    found = notes(reviewed(stored, filtered(), date(2023, 12, 18)))
    assert found["CHEAP"] == {Note.LEAVES_NEXT, Note.BELOW_PRICE}
    assert found["NEW"] == {Note.ENTERS_NEXT}
    daily = notes(reviewed(stored, filtered(review="daily"), date(2023, 12, 18)))
    assert daily["CHEAP"] == {Note.LEFT, Note.BELOW_PRICE}
    assert daily["NEW"] == {Note.JOINED}


@pytest.mark.parametrize("session", CALENDAR.sessions(date(2023, 11, 1), LAST).tolist()[::7])
def test_membership_of_a_review_is_the_one_that_is_traded(stored, session):
    from stocker_pipeline.stages.market import read_panel

    chosen = filtered(review="daily")
    panel = read_panel(stored, chosen, session).panel
    member = panel.market.member[panel.row_of(session)]
    found = reviewed(stored, chosen, session)
    assert [each.member for each in found.symbols] == member.tolist()


def test_bars_of_the_session_and_later_ones_change_nothing(stored, lake, clock, market):
    before = reviewed(stored, filtered())
    for symbol in SYMBOLS:
        for day in DAYS:
            if day >= REVIEW:
                market.bars[symbol, day] = numbers(0.5, volume=1.0)
    clock.advance(timedelta(hours=1))
    ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    assert reviewed(lake, filtered()) == before


def test_a_list_with_dates_needs_no_bound_to_come_and_go(stored):
    changes = [{"from": "2023-12-15", "add": ["NEW"], "remove": ["THIN"]}]
    found = reviewed(stored, portfolio({"symbols": ["SOUND", "THIN"], "changes": changes}))
    assert notes(found) == {"NEW": {Note.JOINED}, "SOUND": set(), "THIN": {Note.LEFT}}


def test_what_instruments_say_is_told_with_sectors_of_the_members(stored, clock):
    store_instruments(
        stored,
        rows(
            row("SOUND", sector="Energy", shortable=True),
            row("CHEAP", sector="Energy", tradable=False),
            row("THIN", sector="Utilities"),
            row("GONE", last_session=date(2023, 11, 17), shortable=True),
            row("NEW", shortable=None),
        ),
        clock,
        judge=judge,
    )
    found = reviewed(stored, portfolio(list(SYMBOLS)))
    said = {each.symbol: each.notes for each in found.symbols}
    assert said == {
        "CHEAP": (Note.NOT_TRADABLE, Note.NOT_SHORTABLE),
        "GONE": (Note.NO_RECENT_BAR, Note.DELISTED),
        "NEW": (Note.FLAGS_UNKNOWN,),
        "SOUND": (),
        "THIN": (Note.NOT_SHORTABLE,),
    }
    assert list(found.sectors.items()) == [("Energy", 2), ("unknown", 2), ("Utilities", 1)]
    assert "sectors: Energy 2 (40%), unknown 2 (40%), Utilities 1 (20%)" in review_text(found)


def test_a_symbol_that_the_strategy_cannot_judge_yet_or_that_has_no_bar_is_told(stored):
    long = portfolio(["NEW", "NOBODY", "SOUND"], lookback=50, window=60)
    found = reviewed(stored, long)
    assert notes(found) == {
        "NEW": {Note.HISTORY_TOO_SHORT},
        "NOBODY": {Note.NO_BARS},
        "SOUND": set(),
    }
    text = "\n".join(review_text(found))
    assert "fewer bars than the strategy needs; no signal yet: NEW (34 bars)" in text


def test_a_portfolio_without_any_bar_has_a_review_too(stored):
    assert notes(reviewed(stored, portfolio(["NOBODY"]))) == {"NOBODY": {Note.NO_BARS}}
    empty = portfolio({"symbols": ["NOBODY"], "filter": BOUNDS})
    assert notes(reviewed(stored, empty)) == {"NOBODY": {Note.NO_BARS}}
    assert review_text(reviewed(stored, empty))[-1] == "sectors: no member"


def test_bars_that_are_left_out_of_trading_are_no_history(stored, lake, clock, market):
    market.bars["SOUND", DAYS[-20]] = numbers(9_999.0)
    clock.advance(timedelta(hours=1))
    ingest(market, lake, SYMBOLS, FIRST, LAST, clock=clock, judge=judge)
    (sound,) = [each for each in reviewed(lake, filtered(), LAST).symbols if each.symbol == "SOUND"]
    assert sound.bars == len(DAYS) - 2


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (date(2024, 1, 1), "nearest: 2023-12-29, 2024-01-02"),
        (date(2024, 1, 17), "up to 2024-01-16, the one after the newest bar"),
    ],
)
def test_a_date_that_cannot_be_reviewed_is_refused(stored, session, words):
    assert next_session_to_decide(stored) == date(2024, 1, 16)
    with pytest.raises(InputRefused, match=words):
        reviewed(stored, filtered(), session)


def test_a_lake_without_bars_is_refused(lake):
    with pytest.raises(InputRefused, match="stocker ingest"):
        reviewed(lake, filtered())


def test_reviews_are_written_as_text_and_as_numbers(stored, tmp_path):
    reviews = review_universes(
        stored, {"a": filtered(), "b": portfolio(["SOUND"])}, REVIEW, judge=judge
    )
    page, numbers_file = write_reviews(reviews, tmp_path / "universe" / f"{REVIEW}.txt")
    assert page.read_text().startswith("a on 2024-01-02: 2 members of 5 symbols; compared with")
    first, second = json.loads(numbers_file.read_text())
    assert (first["portfolio"], first["members"], second["candidates"]) == ("a", 2, 1)
    (cheap,) = [each for each in first["symbols"] if each["symbol"] == "CHEAP"]
    assert (cheap["price_usd"], cheap["dollar_volume_usd"]) == (4.0, 40_000.0)
    assert cheap["notes"] == ["left", "below_price", "flags_unknown"]
    assert sorted(path.name for path in page.parent.iterdir()) == [
        "2024-01-02.json",
        "2024-01-02.txt",
    ]


def test_every_note_has_words():
    assert all(note.meaning for note in Note)
