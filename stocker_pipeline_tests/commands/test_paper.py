"""``stocker day`` and ``stocker replay``: a day is done once, and what is not right is refused."""

import json

from stocker_pipeline_tests.commands.paper import BOOK, FIRST, LAST, NEXT, SESSIONS


def answer(paper, *arguments, code=0):
    found, text, error = paper(*arguments, "--json")
    assert found == code, error or text
    return json.loads(text)


def test_a_day_that_is_done_stays_as_it_is(paper):
    wanted = answer(paper, "db", "hash", BOOK)
    found = answer(paper, "day", BOOK, "--session", LAST)
    assert (found["outcome"], found["waits"]) == ("TRADED", "")
    assert answer(paper, "db", "hash", BOOK) == wanted


def test_the_next_day_is_run_by_its_stages_or_at_once_with_one_result(paper, book_home):
    for stage in ("open", "fills", "close"):
        found = answer(paper, "day", BOOK, "--session", NEXT, "--stage", stage)
        assert (found["session"], found["waits"]) == (str(NEXT), "")
    assert found["outcome"] in {"TRADED", "NO_TRADES"}
    code, text, _ = paper("day", BOOK, "--session", NEXT)
    assert code == 0
    assert f"{BOOK} {NEXT} close: {found['outcome']}" in text


def test_replay_goes_on_from_where_it_was_and_twice_changes_nothing(paper):
    arguments = ("replay", BOOK, "--from", FIRST, "--to", NEXT, "--no-record")
    found = answer(paper, *arguments)
    assert sum(found["outcomes"].values()) == SESSIONS + 1
    assert found["session"] == str(NEXT)
    assert answer(paper, *arguments) == found
    code, text, _ = paper(*arguments)
    assert code == 0
    assert found["hash"] in text.replace("\n", "")


def test_time_is_moved_in_dev_alone(paper, monkeypatch):
    monkeypatch.setenv("STOCKER_ENV", "paper")
    code, _, error = paper("replay", BOOK, "--from", FIRST, "--to", LAST)
    assert code == 4
    assert "dev" in error


def test_what_is_not_right_is_refused_with_what_would_be(paper):
    for arguments, code, words in (
        (("day", "trend_papr", "--session", NEXT), 4, BOOK),
        (("day", "trend_backtest", "--session", NEXT), 4, "mode paper"),
        (("day", BOOK, "--session", "19.1.2010"), 3, "YYYY-MM-DD"),
        (("day", BOOK, "--session", "2010-01-18"), 3, "2010-01-19"),
        (("day", BOOK, "--session", "2009-12-31"), 5, str(FIRST)),
        (("day", BOOK, "--session", NEXT, "--stage", "noon"), 4, "open, fills, close"),
    ):
        found, _, error = paper(*arguments)
        assert (found, words in error) == (code, True), (arguments, error)
