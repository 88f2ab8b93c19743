"""``stocker audit``: what it lists, what it finds, and the heads noted outside the database."""

import json
import sqlite3

from stocker_pipeline_tests.commands.conftest import BOOK
from stocker_pipeline_tests.commands.test_database import answer, without_triggers

_WHY = ("--author", "anna", "--reason", "earnings of a merger")


def test_an_untouched_log_has_no_fault_and_shows_its_head(paper, book_home):
    found = answer(paper, "audit", "verify")
    assert found["ok"] is True
    assert found["heads_compared"] >= 1
    noted = json.loads((book_home / "audit-heads.jsonl").read_text().splitlines()[-1])
    assert found["head"] == f"{noted['sequence']}:{noted['hash']}"
    assert answer(paper, "audit", "verify", "--head", found["head"])["ok"] is True
    assert "nothing was changed" in paper("audit", "verify")[1]


def test_a_changed_entry_and_a_cut_tail_are_named(paper, book_home):
    without_triggers(book_home / "ledger.sqlite")
    with sqlite3.connect(book_home / "ledger.sqlite") as file:
        file.execute("UPDATE audit_log SET actor = 'nobody' WHERE sequence = 2")
        file.execute("DELETE FROM audit_log WHERE sequence = (SELECT max(sequence) FROM audit_log)")
    found = answer(paper, "audit", "verify", code=7)
    assert {"entry_changed", "fact_inserted", "head_lost"} <= {f["kind"] for f in found["faults"]}
    assert next(f for f in found["faults"] if f["kind"] == "entry_changed")["sequence"] == 2
    code, text, _ = paper("audit", "verify")
    assert code == 7
    assert "entry 2" in text


def test_who_did_what_is_listed(paper):
    assert paper("override", "add", BOOK, "no_trade", "--symbol", "AAPL", *_WHY)[0] == 0
    entries = answer(paper, "audit", "list", "--portfolio", BOOK)["entries"]
    assert {"portfolio_opened", "control", "settled", "outcome"} <= {e["action"] for e in entries}
    assert [e["sequence"] for e in entries] == sorted(e["sequence"] for e in entries)
    (word,) = answer(paper, "audit", "list", "--action", "override")["entries"]
    assert (word["actor"], word["content"]["reason"]) == ("anna", _WHY[3])
    late = answer(paper, "audit", "list", "--since", "2999-01-01T00:00:00Z")
    assert late["entries"] == []
    code, text, _ = paper("audit", "list", "--action", "settled")
    assert code == 0
    assert BOOK in text


def test_a_verdict_about_a_bar_is_in_the_log_and_missed_where_it_is_not(paper, book_home):
    given = ("bars", "hold", "AAPL", "2010-01-05", *_WHY)
    assert answer(paper, *given)["audited"] is True
    assert answer(paper, *given)["audited"] is True
    (entry,) = answer(paper, "audit", "list", "--action", "verdict")["entries"]
    assert (entry["actor"], entry["subject"]) == ("anna", "AAPL/2010-01-05")
    assert entry["content"]["reason"] == _WHY[3]
    assert answer(paper, "audit", "verify")["ok"] is True
    without_triggers(book_home / "ledger.sqlite")
    with sqlite3.connect(book_home / "ledger.sqlite") as file:
        file.execute("DELETE FROM audit_log WHERE action = 'verdict'")
    (book_home / "audit-heads.jsonl").unlink()
    (fault,) = answer(paper, "audit", "verify", code=7)["faults"]
    assert fault["kind"] == "verdict_unlogged"


def test_a_backup_tells_the_head_and_a_log_cut_off_after_it_is_found(paper, book_home, tmp_path):
    head = answer(paper, "db", "backup", tmp_path / "copy.sqlite")["audit_head"]
    assert head == answer(paper, "audit", "verify")["head"]
    without_triggers(book_home / "ledger.sqlite")
    with sqlite3.connect(book_home / "ledger.sqlite") as file:
        file.execute("DELETE FROM audit_log WHERE sequence > 5")
    (book_home / "audit-heads.jsonl").unlink()
    found = answer(paper, "audit", "verify", "--head", head, code=7)
    assert "head_lost" in {fault["kind"] for fault in found["faults"]}


def test_a_head_that_is_none_is_refused(paper):
    code, _, error = paper("audit", "verify", "--head", "7:abc")
    assert code == 3
    assert "SEQUENCE:HASH" in error
