"""``stocker db`` and ``stocker doctor``: copies that are checked, rules that are looked at."""

import json
import shutil
import sqlite3

from stocker_pipeline_tests.commands.paper import BOOK

SECRET = "hunter2"


def answer(paper, *arguments, code=0):
    found, text, error = paper(*arguments, "--json")
    assert found == code, error or text
    return json.loads(text)


def without_triggers(path) -> None:
    with sqlite3.connect(path) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            file.execute(f"DROP TRIGGER {name}")


def test_doctor_prints_each_rule_and_finds_a_traded_book_in_order(paper):
    code, text, _ = paper("doctor", BOOK)
    assert code == 0
    assert "all hold" in text
    assert text.count("ok  ") > 30
    told = answer(paper, "doctor")
    assert told["portfolios"] == [BOOK]
    assert all(check["ok"] for check in told["checks"])


def test_doctor_names_the_rule_and_the_rows_that_break_it_with_exit_code_7(paper, book_home):
    without_triggers(book_home / "ledger.sqlite")
    with sqlite3.connect(book_home / "ledger.sqlite") as file:
        file.execute(
            "UPDATE cash_entries SET amount = amount + 1 WHERE kind = 'trade' AND symbol = 'IBM'"
        )
        file.execute("UPDATE audit_log SET actor = 'nobody' WHERE sequence = 1")
    found = answer(paper, "doctor", BOOK, code=7)
    broken = {check["rule"] for check in found["checks"] if not check["ok"]}
    assert {"inv_25_a_fill_moves_its_cash", "inv_26_cash_is_explained", "audit", "schema"} <= broken
    code, text, _ = paper("doctor", BOOK)
    assert code == 7
    assert "session 2010-01-04" in text


def test_doctor_makes_no_ledger_and_knows_no_book_that_has_not_begun(paper, stocker, book_home):
    code, _, error = paper("doctor", "trend_papr")
    assert code == 5
    assert BOOK in error
    (book_home / "ledger.sqlite").unlink()
    code, _, error = stocker("doctor")
    assert code == 4
    assert "stocker db upgrade" in error
    assert not (book_home / "ledger.sqlite").exists()


def test_upgrade_makes_a_ledger_and_check_finds_what_differs(stocker, home):
    assert answer(stocker, "db", "check", code=7)["ok"] is False
    assert stocker("db", "upgrade")[0] == 0
    assert stocker("db", "upgrade")[0] == 0
    assert answer(stocker, "db", "check")["differences"] == []
    without_triggers(home / "ledger.sqlite")
    code, text, _ = stocker("db", "check")
    assert code == 7
    assert "is missing" in text


def test_a_copy_has_the_same_hash_and_becomes_a_ledger_again(paper, book_home, tmp_path):
    wanted = answer(paper, "db", "hash", BOOK)["hash"]
    copy = tmp_path / "copy.sqlite"
    assert answer(paper, "db", "backup", copy)["hashes"] == {BOOK: wanted}
    shutil.rmtree(book_home / "accounts")
    (book_home / "ledger.sqlite").unlink()
    for rest in book_home.glob("ledger.sqlite-*"):
        rest.unlink()
    code, text, _ = paper("db", "restore", copy)
    assert code == 0
    assert wanted in text
    assert paper("db", "hash", BOOK)[1].strip() == wanted


def test_a_copy_is_never_written_over_and_a_used_ledger_never_restored_into(paper, tmp_path):
    copy = tmp_path / "copy.sqlite"
    paper("db", "backup", copy)
    assert paper("db", "backup", copy)[0] == 5
    assert paper("db", "restore", copy)[0] == 5
    code, _, error = paper("db", "restore", tmp_path / "none.sqlite")
    assert code == 3
    assert "none.sqlite" in error
    (tmp_path / "text").write_text("not a ledger")
    assert paper("db", "restore", tmp_path / "text")[0] == 3


def test_a_password_is_never_shown(stocker, monkeypatch):
    monkeypatch.setenv("STOCKER_LEDGER_URL", f"postgresql://me:{SECRET}@127.0.0.1:1/ledger")
    for arguments in (("db", "upgrade"), ("db", "check"), ("doctor",), ("db", "hash", BOOK)):
        code, text, error = stocker(*arguments)
        assert code != 0
        assert SECRET not in text + error
        assert "127.0.0.1" in text + error
