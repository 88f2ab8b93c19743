"""What was fetched again and says the same is not stale below; what changed is, and only that."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from stocker_pipeline.definitions import build_definitions
from stocker_pipeline.gateways.market_data.choice import Sources
from stocker_pipeline.orchestration.data_versions import NOTHING, data_versions
from stocker_pipeline.orchestration.partitions import session_partitions
from stocker_pipeline.orchestration.runs import MARKET_ASSETS, run_assets
from stocker_pipeline.settings import Settings
from stocker_pipeline_tests.stages.scripted_market import DAYS, numbers, quiet_market

BELOW = dg.AssetKey("below")
KEYS = [day.isoformat() for day in DAYS]


def instant(hour: int) -> datetime:
    return datetime(2024, 1, 15, hour, tzinfo=UTC)


def test_a_run_has_the_version_of_most_sessions_and_the_others_their_own():
    known = {DAYS[0]: instant(9), DAYS[1]: instant(12), DAYS[2]: instant(12)}
    versions = data_versions(KEYS[:4], known)
    assert versions.of_run == dg.DataVersion("2024-01-15T12:00:00+00:00")
    assert dict(versions.others) == {
        KEYS[0]: dg.DataVersion("2024-01-15T09:00:00+00:00"),
        KEYS[3]: NOTHING,
    }


@pytest.fixture
def world(tmp_path):
    """Ingest ranges, materialise an asset below, and ask which of its sessions are stale."""
    partitions = session_partitions(date(2000, 1, 3), date(2024, 1, 16))

    @dg.asset(
        key=BELOW,
        deps=list(MARKET_ASSETS),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def below() -> None: ...

    market = quiet_market()
    definitions = dg.Definitions.merge(
        build_definitions(
            settings=Settings(home=tmp_path),
            overrides={"sources": dg.ResourceDefinition.hardcoded_resource(Sources(market))},
        ),
        dg.Definitions(assets=[below]),
    )
    with dg.DagsterInstance.ephemeral() as instance:

        class World:
            bars = market.bars
            actions = market.actions
            clock = market.clock

            @staticmethod
            def run(assets=MARKET_ASSETS, first: date = DAYS[0], last: date = DAYS[-1]):
                market.clock.advance(instant(13) - instant(12))
                outcome = run_assets(definitions, instance, assets, sessions=(first, last))
                assert outcome.success, outcome.error
                return outcome

            @staticmethod
            def stale() -> list[date]:
                graph = definitions.resolve_asset_graph()
                resolver = CachingStaleStatusResolver(
                    instance, graph, LoadingContextForTest(instance)
                )
                return [
                    day
                    for day, key in zip(DAYS, KEYS, strict=True)
                    if resolver.get_status(BELOW, key) is StaleStatus.STALE
                ]

            @staticmethod
            def versions(asset: str = "raw_bars") -> dict[str, str]:
                tags = instance.event_log_storage.get_latest_tags_by_partition(
                    dg.AssetKey(asset),
                    dg.DagsterEventType.ASSET_MATERIALIZATION,
                    ["dagster/data_version"],
                )
                return {key: told["dagster/data_version"] for key, told in tags.items()}

        yield World


def test_the_same_content_has_the_same_version_whatever_range_it_came_in(world):
    world.run(last=DAYS[-2])
    world.run(first=DAYS[-1])
    world.run([BELOW])
    before = world.versions()
    assert len(set(before.values())) == 2
    assert world.versions("corporate_actions") == before
    world.run()
    world.run(first=DAYS[1], last=DAYS[1])
    world.run(first=DAYS[-2])
    assert world.versions() == before
    assert world.stale() == []


def test_a_session_that_was_restated_is_stale_below_and_no_other(world):
    world.run()
    world.run([BELOW])
    world.bars["AAA", DAYS[2]] = numbers(12.5)
    world.actions["BBB", DAYS[4]] = (1.0, 0.5)
    del world.bars["BBB", DAYS[6]]
    world.run()
    assert world.stale() == [DAYS[2], DAYS[4], DAYS[6]]
    world.run([BELOW])
    assert world.stale() == []


def test_the_metadata_of_a_run_stay_on_its_last_session(world):
    world.run()
    world.bars["AAA", DAYS[-1]] = numbers(99.0)
    outcome = world.run()
    assert outcome.metadata["raw_bars"]["rows_changed"] == 1
