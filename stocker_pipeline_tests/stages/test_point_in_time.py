"""Any sequence of ingests: the past reads as the source spoke then, and nothing is edited."""

import tempfile
from datetime import date, datetime, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.lake.schemas import BARS, CORPORATE_ACTIONS
from stocker_pipeline.stages.bars import revisions
from stocker_pipeline.stages.ingest import ingest
from stocker_pipeline.stages.judgement import live_actions, live_bars
from stocker_pipeline_tests.effort import examples
from stocker_pipeline_tests.stages.fake_gate import find_nothing
from stocker_pipeline_tests.stages.scripted_market import (
    DAYS,
    NOON,
    ScriptedMarket,
    numbers,
)

SYMBOLS = ("AAA", "BBB")
SOME_DAYS = DAYS[:3]
KEY = st.tuples(st.sampled_from(SYMBOLS), st.sampled_from(SOME_DAYS))
PRICES = st.sampled_from([10.0, 11.0])
UNKNOWN = st.sampled_from([None, 9.0])
BAR = st.builds(lambda close, adjusted: numbers(close, adj_close=adjusted), PRICES, UNKNOWN)
ACTION = st.sampled_from([(2.0, 0.0), (1.0, 0.5)])
ANSWER = st.fixed_dictionaries(
    {
        "bars": st.dictionaries(KEY, BAR, max_size=6),
        "actions": st.dictionaries(KEY, ACTION, max_size=2),
        "failed": st.sets(st.sampled_from(SYMBOLS), max_size=1),
        "range": st.tuples(st.sampled_from(SOME_DAYS), st.sampled_from(SOME_DAYS)).map(sorted),
        "pause": st.sampled_from([timedelta(0), timedelta(hours=1)]),
    }
)


class Believed:
    """What a reader of the answers knows: the rules of an ingest, in the plainest form."""

    def __init__(self) -> None:
        self.bars: dict = {}
        self.actions: dict = {}

    def hear(self, answer: dict) -> None:
        first, last = answer["range"]

        def inside(key: tuple[str, date]) -> bool:
            return first <= key[1] <= last and key[0] not in answer["failed"]

        sent = {key: row for key, row in answer["bars"].items() if inside(key)}
        answered = {symbol for symbol, _ in sent}
        done = {key: row for key, row in answer["actions"].items() if inside(key)}
        for known, said in ((self.bars, sent), (self.actions, done)):
            for key in list(known):
                if inside(key) and key[0] in answered and key not in said:
                    del known[key]
            known.update(said)


def read(lake: Lake, as_of: datetime | None = None) -> tuple[dict, dict]:
    bars = {
        (row["symbol"], row["session"]): {name: row[name] for name in numbers(0.0)}
        for row in live_bars(lake, as_of=as_of).to_pylist()
    }
    actions = {
        (row["symbol"], row["session"]): (row["split"], row["dividend"])
        for row in live_actions(lake, as_of=as_of).to_pylist()
    }
    return bars, actions


def rows_of(table: pa.Table) -> set[str]:
    return {str(row) for row in table.to_pylist()}


@settings(max_examples=examples(10, 25))
@given(st.lists(ANSWER, min_size=1, max_size=5))
def test_the_past_reads_as_the_source_spoke_then_and_no_version_is_ever_edited(answers):
    clock, believed = FixedClock(NOON), Believed()
    market = ScriptedMarket(clock)
    history: list[tuple[datetime, dict, dict]] = []
    stored: dict[str, set[str]] = {"bars": set(), "corporate_actions": set()}
    with tempfile.TemporaryDirectory() as root:
        lake = Lake(root)
        for answer in answers:
            clock.advance(answer["pause"])
            market.bars, market.actions = answer["bars"], answer["actions"]
            market.failed = answer["failed"]
            for _ in range(2):
                ingest(market, lake, SYMBOLS, *answer["range"], clock=clock, judge=find_nothing)
            believed.hear(answer)
            history.append((clock.now(), dict(believed.bars), dict(believed.actions)))
            assert read(lake) == (believed.bars, believed.actions)
            for dataset in (BARS, CORPORATE_ACTIONS):
                rows = rows_of(lake.read_versions(dataset))
                assert stored[dataset.name] <= rows
                stored[dataset.name] = rows
        for now, bars, actions in history:
            # Answers of one instant are told apart by a microsecond each; the last one counts.
            if now in {later for later, *_ in history[history.index((now, bars, actions)) + 1 :]}:
                continue
            assert read(lake, now + timedelta(milliseconds=1)) == (bars, actions)
        _assert_revisions_lead_from_the_first_version_to_the_last(lake)


def _assert_revisions_lead_from_the_first_version_to_the_last(lake: Lake) -> None:
    versions = lake.read_versions(BARS).to_pylist()
    first = {(row["symbol"], row["session"]): row for row in reversed(versions)}
    for row in revisions(lake).to_pylist():
        bar = first[row["symbol"], row["session"]]
        assert bar[row["field"]] == row["before"]
        bar[row["field"]] = row["after"]
    for row in lake.read(BARS).to_pylist():
        bar = first[row["symbol"], row["session"]]
        assert {name: bar[name] for name in numbers(0.0)} == {
            name: row[name] for name in numbers(0.0)
        }
