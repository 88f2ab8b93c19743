"""Bars as an asset with checks: an evaluation for every session, and a stop where money follows."""

from datetime import date

import dagster as dg
import pytest

from stocker_pipeline.definitions import build_definitions
from stocker_pipeline.gateways.market_data.choice import Sources
from stocker_pipeline.orchestration.market_checks import ARRIVED, RAW_BARS, TRUSTED
from stocker_pipeline.orchestration.runs import MARKET_ASSETS, run_assets
from stocker_pipeline.settings import Settings
from stocker_pipeline_tests.stages.scripted_market import DAYS, quiet_market

BOTH = ("AAA", "BBB")


@pytest.fixture
def run(tmp_path):
    """Run the market's assets over a range; returns the outcome and evaluations by session."""
    with dg.DagsterInstance.ephemeral() as instance:

        def over(market, first: date, last: date):
            definitions = build_definitions(
                settings=Settings(home=tmp_path),
                overrides={"sources": dg.ResourceDefinition.hardcoded_resource(Sources(market))},
            )
            outcome = run_assets(definitions, instance, MARKET_ASSETS, sessions=(first, last))
            return outcome, evaluations(instance)

        yield over


def evaluations(instance) -> dict[str, dict[str | None, dg.AssetCheckEvaluation]]:
    """Check → partition → its latest evaluation; the one for a whole run is under None."""
    found = {}
    for name in (ARRIVED, TRUSTED):
        history = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(RAW_BARS, name), limit=100
        )
        entries = [record.event for record in reversed(history) if record.event]
        events = [
            entry.dagster_event.event_specific_data
            for entry in entries
            if isinstance(entry.dagster_event.event_specific_data, dg.AssetCheckEvaluation)
        ]
        found[name] = {event.partition: event for event in events}
    return found


def broken(*days: date, symbols=BOTH):
    """A market in which bars have no price on some days."""
    market = quiet_market()
    for symbol in symbols:
        for day in days:
            market.bars[symbol, day]["open"] = 0.0
    return market


def test_every_session_of_a_range_has_an_evaluation_of_its_own(run):
    outcome, found = run(quiet_market(), DAYS[0], DAYS[-1])
    assert outcome.success
    for name in (ARRIVED, TRUSTED):
        assert set(found[name]) == {None, *(day.isoformat() for day in DAYS)}
        assert all(evaluation.passed for evaluation in found[name].values())


def test_a_quarantined_bar_fails_its_session_alone_and_stops_nothing(run):
    outcome, found = run(broken(DAYS[4], symbols=["BBB"]), DAYS[0], DAYS[-1])
    assert outcome.success
    failed = [day for day, evaluation in found[TRUSTED].items() if not evaluation.passed]
    assert failed == [DAYS[4].isoformat()]
    evaluation = found[TRUSTED][DAYS[4].isoformat()]
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    row = evaluation.metadata["findings"].records[0].data
    assert (row["symbol"], row["rules"]) == ("BBB", "impossible_price")


def test_an_unusable_session_inside_a_range_is_an_error_that_stops_nothing(run):
    outcome, found = run(broken(DAYS[4]), DAYS[0], DAYS[-1])
    assert outcome.success
    assert found[TRUSTED][DAYS[4].isoformat()].severity is dg.AssetCheckSeverity.ERROR


def test_an_unusable_last_session_stops_what_comes_after_it(run):
    outcome, found = run(broken(DAYS[-1]), DAYS[0], DAYS[-1])
    assert not outcome.success
    assert not found[TRUSTED][None].passed


def test_a_range_of_one_session_has_its_evaluation_too(run):
    run(quiet_market(), DAYS[0], DAYS[-2])
    market = quiet_market()
    del market.bars["AAA", DAYS[-1]]
    outcome, found = run(market, DAYS[-1], DAYS[-1])
    assert outcome.success
    assert not found[ARRIVED][DAYS[-1].isoformat()].passed
