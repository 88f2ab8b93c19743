"""Overrides over random books: nothing changes without them, and nothing goes past them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.engine.day import Decided
from stocker_pipeline.engine.rebalance import Restraint
from stocker_pipeline.risk.overrides import Override, OverrideKind, Wanted, adjusted, wanted_of
from stocker_pipeline_tests.engine.random_markets import World, worlds
from stocker_pipeline_tests.engine.walking import walked, without_withdrawals
from stocker_pipeline_tests.risk.test_overrides import TODAY, override


def decided_days(world: World) -> list[Decided]:
    return [decided for decided, _ in walked(without_withdrawals(world))]


@settings(max_examples=40)
@given(worlds(max_rows=12))
def test_without_overrides_and_with_a_factor_of_one_everything_is_as_the_engine_said(world):
    for decided in decided_days(world):
        rows = wanted_of(decided)
        for overrides in ([], [override("multiplier", 1.0, None)]):
            found = adjusted(
                rows,
                overrides,
                session=TODAY,
                nav_e4=decided.nav_e4,
                rules=world.rules,
                restraint=decided.restraint,
            )
            assert [plain(row) for row in found] == [plain(row) for row in rows]
            assert all(row.reason is None and not row.overridden_by for row in found)


def plain(row: Wanted) -> tuple:
    """What the engine said of a symbol; NaN equal to NaN."""
    return (
        row.symbol,
        row.held,
        repr(row.target),
        row.desired,
        repr(row.reference),
        row.quantity,
        row.decision,
    )


@st.composite
def some_overrides(draw: st.DrawFn) -> list[Override]:
    kinds = st.sampled_from(
        [
            ("multiplier", 0.0),
            ("multiplier", 0.37),
            ("reduce_only", None),
            ("close_only", None),
            ("no_trade", None),
            ("max_weight", 0.05),
            ("max_weight", 0.4),
            ("max_shares", 100),
            ("max_shares", 5000),
        ]
    )
    symbols = st.sampled_from([None, "A", "B", "C", "D"])
    pairs = draw(st.lists(st.tuples(kinds, symbols), max_size=5))
    return [override(kind, value, symbol) for (kind, value), symbol in pairs]


@settings(max_examples=80)
@given(worlds(max_rows=12), some_overrides())
def test_no_override_ever_leads_to_more_than_it_allows(world, overrides):
    for decided in decided_days(world):
        before = wanted_of(decided)
        found = adjusted(
            before,
            overrides,
            session=TODAY,
            nav_e4=decided.nav_e4,
            rules=world.rules,
            restraint=decided.restraint,
        )
        for row, engine in zip(found, before, strict=True):
            kinds = {o.kind: o for o in overrides if o.symbol in (None, row.symbol)}
            after = row.held + row.quantity
            assert abs(row.desired) <= max(abs(engine.desired), 0)
            if OverrideKind.NO_TRADE in kinds:
                assert row.quantity == 0
            if OverrideKind.REDUCE_ONLY in kinds:
                assert abs(after) <= abs(row.held)
                assert after * row.held >= 0
            if OverrideKind.CLOSE_ONLY in kinds and row.quantity:
                assert after == 0
            shares = [
                o.value
                for o in overrides
                if o.kind is OverrideKind.MAX_SHARES and o.symbol in (None, row.symbol)
            ]
            if shares and not row.beyond_limit:
                assert abs(after) <= min(shares)
            if row.beyond_limit:
                blocked = OverrideKind.NO_TRADE in kinds or decided.restraint is Restraint.HALTED
                assert blocked or not row.reference > 0
            if decided.restraint is Restraint.HALTED:
                assert row.quantity == 0
            if row.reason is None:
                assert plain(row) == plain(engine)
