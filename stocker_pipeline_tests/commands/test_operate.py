"""``stocker reconcile|cash|override|confirm``: a person's word, entered once or refused."""

import json

from stocker_pipeline.domain.orders import Execution
from stocker_pipeline.ledger.invariants import run_invariants
from stocker_pipeline.ledger.records import CashFlow, FlowKind
from stocker_pipeline_tests.commands.paper import BOOK, FIRST, LAST, NEXT

WHY = ("--reason", "because", "--author", "operator")
PRICE_E4 = 2_000_000


def ghost(desk, quantity=5, symbol="AAPL") -> Execution:
    """A fill by hand after the close of ``LAST``, as it stands in suspense."""
    with desk() as opened:
        opened.broker.control.trade_by_hand(symbol, quantity, PRICE_E4)
        return opened.broker.control.truth().executions[-1]


def answer(paper, *arguments, code=0):
    found, text, error = paper(*arguments, "--json")
    assert found == code, error or text
    return json.loads(text)


def test_a_book_that_agrees_with_the_broker_says_so(paper):
    code, text, _ = paper("reconcile", BOOK)
    assert code == 0
    assert f"the book of {LAST} and the broker's account agree" in text


def test_a_ghost_fill_opens_breaks_with_exit_code_7_and_is_explained(paper, desk):
    made = ghost(desk)
    code, text, _ = paper("reconcile", BOOK)
    assert code == 7
    assert "61 shares" in text
    assert "66 shares" in text
    assert made.execution_id in text
    code, text, _ = paper("reconcile", BOOK, "--explain")
    assert code == 7
    assert f"--adopt {made.execution_id}" in text
    assert "--adjust-cash AMOUNT" in text


def test_an_adopted_fill_is_in_the_book_and_the_breaks_clear_at_once(paper, desk, ledger):
    made = ghost(desk)
    before = ledger.read(lambda r: r.snapshot(BOOK, LAST))
    paper("reconcile", BOOK)
    found = answer(paper, "reconcile", BOOK, "--adopt", made.execution_id, *WHY)
    assert found["breaks"] == []
    assert found["suspense"] == []
    after = ledger.read(lambda r: r.snapshot(BOOK, LAST))
    assert (after.version, after.reason) == (2, "operator: because")
    assert after.cash_e4 == before.cash_e4 - 5 * PRICE_E4
    held = {p.symbol: p.quantity for p in ledger.read(lambda r: r.positions(BOOK, LAST))}
    assert held["AAPL"] == 66
    assert run_invariants(ledger, BOOK) == []
    actions = [entry.action for entry in ledger.read(lambda r: r.audit())]
    assert actions[-2:] == ["suspense_ended", "settled"]
    code, _, error = paper("reconcile", BOOK, "--adopt", made.execution_id, *WHY)
    assert code == 5
    assert "there is none" in error


def test_an_ignored_fill_leaves_the_book_and_its_break(paper, desk, ledger):
    made = ghost(desk)
    paper("reconcile", BOOK)
    found = answer(paper, "reconcile", BOOK, "--ignore", made.execution_id, *WHY, code=7)
    assert found["suspense"] == []
    assert {item["kind"] for item in found["breaks"]} == {"quantity", "cash"}
    assert ledger.read(lambda r: r.snapshot(BOOK, LAST)).version == 1
    assert run_invariants(ledger, BOOK) == []


def test_two_fills_that_cancel_out_are_ignored_and_cash_is_adjusted(paper, desk, ledger):
    one, two = ghost(desk), ghost(desk, -5)
    with desk() as opened:
        opened.broker.move_cash(-12_500, LAST, "fee")
    paper("reconcile", BOOK)
    ids = ("--ignore", one.execution_id, "--ignore", two.execution_id)
    found = answer(paper, "reconcile", BOOK, *ids, "--adjust-cash", "-1.25", *WHY)
    assert found["breaks"] == []
    (flow,) = ledger.read(lambda r: r.flows(BOOK))
    assert (flow.kind, flow.amount_e4, flow.session) == (FlowKind.ADJUSTMENT, -12_500, LAST)
    assert ledger.read(lambda r: r.snapshot(BOOK, LAST)).flows_e4 == -12_500
    assert run_invariants(ledger, BOOK) == []


def test_an_adjustment_is_never_sent_to_the_broker(paper, desk, ledger):
    flow = CashFlow(BOOK, NEXT, FlowKind.ADJUSTMENT, -12_500, "ours", "operator", "a fee")
    ledger.write(None, lambda w: w.put_flow(flow))
    with desk() as opened:
        opened.broker.move_cash(-12_500, NEXT, "the broker's fee")
    assert answer(paper, "day", BOOK, "--session", NEXT)["waits"] == ""
    assert answer(paper, "reconcile", BOOK)["breaks"] == []
    with desk() as opened:
        moves = opened.broker.control.truth().cash_moves
    assert [move.reference for move in moves if move.reference] == ["the broker's fee"]


def test_shares_that_nobody_explains_are_booked_at_the_price_a_person_names(paper, desk, ledger):
    made = ghost(desk)
    paper("reconcile", BOOK)
    answer(paper, "reconcile", BOOK, "--ignore", made.execution_id, *WHY, code=7)
    found = answer(
        paper, "reconcile", BOOK, "--adopt-position", "AAPL", "--price", "200", *WHY, code=0
    )
    assert found["breaks"] == []
    (booked,) = [
        e.execution
        for e in ledger.read(lambda r: r.executions(BOOK, session=LAST))
        if e.execution.execution_id.startswith("balance-")
    ]
    assert (booked.quantity, booked.price_e4, booked.client_order_id) == (5, PRICE_E4, None)
    assert run_invariants(ledger, BOOK) == []


def test_what_does_not_fit_enters_nothing(paper, desk, ledger):
    made = ghost(desk)
    paper("reconcile", BOOK)
    for arguments, code, words in (
        (("--adopt", made.execution_id, "--adopt", "no-such", *WHY), 5, "in suspense"),
        (("--adopt", made.execution_id), 3, "--reason"),
        (("--adopt", made.execution_id, "--reason", "  "), 3, "some words"),
        (("--adopt", made.execution_id, "--ignore", made.execution_id, *WHY), 3, "each execution"),
        (("--adopt-position", "AAPL", *WHY), 3, "together"),
        (("--adopt-position", "IBM", "--price", "1", *WHY), 5, "positions differ: AAPL"),
        (("--adjust-cash", "1.23456", *WHY), 3, "four decimals"),
        (("--adjust-cash", "much", *WHY), 3, "four decimals"),
        (("--adopt-position", "AAPL", "--price", "-1", *WHY), 3, "0 or more"),
    ):
        found, _, error = paper("reconcile", BOOK, *arguments)
        assert (found, words in error) == (code, True), (arguments, error)
    assert ledger.read(lambda r: r.snapshot(BOOK, LAST)).version == 1
    assert len(ledger.read(lambda r: r.open_suspense("simulated", f"SIM-{BOOK}"))) == 1


def test_cash_that_agrees_is_not_adjusted(paper, ledger):
    code, _, error = paper("reconcile", BOOK, "--adjust-cash", "5", *WHY)
    assert code == 5
    assert "cash deposit" in error
    assert ledger.read(lambda r: r.flows(BOOK)) == []


def test_a_session_under_way_is_not_compared(paper, ledger):
    answer(paper, "override", "add", BOOK, "close_only", "--symbol", "IBM", *WHY)
    for stage in ("open", "fills"):
        answer(paper, "day", BOOK, "--session", NEXT, "--stage", stage)
    found = answer(paper, "reconcile", BOOK, code=6)
    assert "--stage close" in found["waits"]
    assert ledger.read(lambda r: r.breaks(BOOK)) == []
    answer(paper, "day", BOOK, "--session", NEXT, "--stage", "close")
    assert answer(paper, "reconcile", BOOK)["breaks"] == []


def test_a_deposit_reaches_book_and_account_at_the_close_and_is_no_return(paper, ledger):
    move = ("2500.50", "--session", NEXT, "--reference", "w1", *WHY)
    assert answer(paper, "cash", "deposit", BOOK, *move)["new"] is True
    assert answer(paper, "cash", "deposit", BOOK, *move)["new"] is False
    before = ledger.read(lambda r: r.snapshot(BOOK, LAST))
    assert answer(paper, "day", BOOK, "--session", NEXT)["waits"] == ""
    after = ledger.read(lambda r: r.snapshot(BOOK, NEXT))
    assert after.flows_e4 == 25_005_000
    assert after.initial_capital_e4 == before.initial_capital_e4
    assert answer(paper, "reconcile", BOOK)["breaks"] == []
    (row,) = answer(paper, "cash", "list", BOOK)["flows"]
    assert (row["booked"], row["amount"], row["author"]) == (True, 2500.5, "operator")


def test_a_movement_that_cannot_be_booked_is_refused(paper, ledger):
    for arguments, code, words in (
        (("deposit", BOOK, "100", "--session", LAST), 5, "not settled yet"),
        (("deposit", BOOK, "100", "--session", "2010-01-18"), 3, "session of XNYS"),
        (("deposit", BOOK, "100", "--session", "2009-12-31"), 5, str(FIRST)),
        (("deposit", BOOK, "0", "--session", NEXT), 3, "above 0"),
        (("withdraw", BOOK, "five", "--session", NEXT), 3, "0 or more"),
        (("withdraw", BOOK, "98,320.2719", "--session", NEXT), 3, "less than the book is worth"),
        (("withdraw", BOOK, "nan", "--session", NEXT), 3, "four decimals"),
        (("withdraw", BOOK, "1", "--session", "tomorrow"), 3, "YYYY-MM-DD"),
    ):
        found, _, error = paper("cash", *arguments, "--reference", "r", *WHY)
        assert (found, words in error) == (code, True), (arguments, error)
    assert ledger.read(lambda r: r.flows(BOOK)) == []


def test_a_reference_names_one_movement(paper):
    rest = ("--session", NEXT, "--reference", "w1", *WHY)
    answer(paper, "cash", "withdraw", BOOK, "10", *rest)
    code, _, error = paper("cash", "withdraw", BOOK, "11", *rest)
    assert code == 5
    assert "another" in error or "110000" in error


def test_an_override_changes_the_ticket_until_it_is_ended(paper):
    close = ("add", BOOK, "close_only", "--symbol", "IBM", *WHY)
    made = answer(paper, "override", *close)
    assert made["from"] == str(NEXT)
    assert answer(paper, "override", *close)["override"] == made["override"]
    (order,) = answer(paper, "ticket", BOOK)["orders"]
    assert (order["symbol"], order["quantity"], order["decision"]) == ("IBM", -167, "CLOSE_ONLY")
    assert "operator" in order["overridden_by"]
    answer(paper, "override", "end", made["override"], *WHY)
    assert answer(paper, "ticket", BOOK)["orders"] == []
    (row,) = answer(paper, "override", "list", BOOK)["overrides"]
    assert row["ended"] is not None
    code, _, error = paper("override", "end", made["override"], *WHY)
    assert code == 5
    assert "there is none" in error


def test_an_override_that_could_not_be_obeyed_is_refused(paper, ledger):
    for arguments, code, words in (
        (("sell_all",), 4, "close_only: no shares are wanted"),
        (("multiplier", "--value", "1.5"), 4, "from 0 to 1"),
        (("no_trade", "--value", "1"), 4, "no value"),
        (("no_trade", "--symbol", "GOG"), 4, "a symbol of the portfolio"),
        (("no_trade", "--from", "2010-01-18"), 3, "session of XNYS"),
        (("no_trade", "--until", "2010-01-04"), 4, "or later"),
    ):
        found, _, error = paper("override", "add", BOOK, *arguments, *WHY)
        assert (found, words in error) == (code, True), (arguments, error)
    assert ledger.read(lambda r: r.overrides(BOOK)) == []


def test_a_value_that_did_not_jump_needs_no_word(paper, ledger):
    code, _, error = paper("confirm", BOOK, "--session", LAST, *WHY)
    assert code == 5
    assert "nothing to confirm" in error
    code, _, error = paper("confirm", BOOK, "--session", NEXT, *WHY)
    assert code == 5
    assert "settled" in error
    assert ledger.read(lambda r: r.confirmation(BOOK, LAST, "value_jump")) is None


def test_a_jump_is_believed_after_a_word_and_the_next_session_is_decided(paper, desk, ledger):
    # Shares that nobody paid for make the book worth a fifth more.
    made = ghost(desk, 100)
    paper("reconcile", BOOK)
    answer(paper, "reconcile", BOOK, "--ignore", made.execution_id, *WHY, code=7)
    free = ("--adopt-position", "AAPL", "--price", "0")
    answer(paper, "reconcile", BOOK, *free, *WHY, code=7)
    answer(paper, "reconcile", BOOK, "--adjust-cash", "-20000", *WHY)
    after = answer(paper, "confirm", BOOK, "--session", LAST, *WHY)
    assert after["change"] > 0.1
    assert ledger.read(lambda r: r.confirmation(BOOK, LAST, "value_jump")).author == "operator"
    assert answer(paper, "day", BOOK, "--session", NEXT)["outcome"] != "HALTED"
