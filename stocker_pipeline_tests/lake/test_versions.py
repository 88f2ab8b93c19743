"""Versions of rows: what is current, what was known, and what is new."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocker_pipeline.domain.errors import InputRefused
from stocker_pipeline.lake import lake as lake_module
from stocker_pipeline.lake.lake import Lake, TableMovedOn
from stocker_pipeline.lake.schemas import BARS, FILLS, FINDINGS, INSTRUMENTS, JUDGEMENTS
from stocker_pipeline.lake.versions import in_key_order, positions, row_keys

T0 = datetime(2024, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = date(2024, 1, 2)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def bars(*rows: tuple[str, date, float | None, datetime]) -> pa.Table:
    """Bars of (symbol, session, price, known_at)."""
    prices = {name: [row[2] for row in rows] for name in BARS.schema.names[2:8]}
    return pa.table(
        {
            "symbol": [row[0] for row in rows],
            "session": [row[1] for row in rows],
            **prices,
            "source": ["vendor"] * len(rows),
            "known_at": [row[3] for row in rows],
        },
        schema=BARS.schema,
    )


def closes(table: pa.Table) -> list[float | None]:
    return table["close"].to_pylist()


def test_the_latest_version_is_read_and_every_version_stays(lake):
    for step, price in enumerate((1.0, 2.0, None)):
        lake.append(BARS, bars(("A", DAY, price, T0 + step * HOUR)), at=T0)
    assert closes(lake.read(BARS)) == [None]
    assert closes(lake.read_versions(BARS)) == [1.0, 2.0, None]


@pytest.mark.parametrize(
    ("hours", "known"), [(-1, []), (0, [1.0]), (0.5, [1.0]), (1, [2.0]), (99, [2.0])]
)
def test_as_of_reads_what_was_known_at_that_instant(lake, hours, known):
    lake.append(BARS, bars(("A", DAY, 1.0, T0)), at=T0)
    lake.append(BARS, bars(("A", DAY, 2.0, T0 + HOUR)), at=T0)
    assert closes(lake.read(BARS, as_of=T0 + hours * HOUR)) == known
    assert lake.read_versions(BARS, as_of=T0 + hours * HOUR).num_rows == sum(known)


def test_only_what_differs_in_content_is_written(lake):
    lake.append(BARS, bars(("A", DAY, 1.0, T0), ("B", DAY, 5.0, T0)), at=T0)
    again = lake.append(BARS, bars(("A", DAY, 1.0, T0 + HOUR), ("B", DAY, 6.0, T0 + HOUR)), at=T0)
    assert again.rows["symbol"].to_pylist() == ["B"]
    assert again.known.tolist() == [True]
    assert lake.read_versions(BARS).num_rows == 3
    nothing = lake.append(BARS, bars(("A", DAY, 1.0, T0 + 2 * HOUR)), at=T0)
    assert nothing.rows.num_rows == 0
    assert lake.version(BARS) == 2


def test_a_version_is_never_dated_before_the_one_it_follows(lake):
    lake.append(BARS, bars(("A", DAY, 1.0, T0)), at=T0)
    lake.append(BARS, bars(("A", DAY, 2.0, T0 - HOUR)), at=T0 + HOUR)
    lake.append(BARS, bars(("A", DAY, 3.0, T0 - HOUR)), at=T0 - HOUR)
    known = lake.read_versions(BARS)["known_at"].to_pylist()
    assert known == [T0, T0 + HOUR, T0 + HOUR + timedelta(microseconds=1)]
    assert closes(lake.read(BARS)) == [3.0]


def test_the_same_version_twice_in_one_append_is_refused(lake):
    with pytest.raises(InputRefused, match="each symbol, session once"):
        lake.append(BARS, bars(("A", DAY, 1.0, T0), ("A", DAY, 2.0, T0 + HOUR)), at=T0)
    assert lake.version(BARS) is None


def test_an_append_that_lost_a_race_writes_only_what_still_differs(lake, monkeypatch):
    lake.append(BARS, bars(("A", DAY, 1.0, T0)), at=T0)
    ours = bars(("A", DAY, 2.0, T0 + HOUR), ("B", DAY, 5.0, T0 + HOUR))
    theirs = bars(("A", DAY, 2.0, T0 + HOUR))
    write, raced = lake_module.write_deltalake, []

    def overtaken(table, rows, **how):
        if not raced:
            raced.append(table)
            Lake(lake.root).append(BARS, theirs, at=T0 + HOUR)
        return write(table, rows, **how)

    monkeypatch.setattr(lake_module, "write_deltalake", overtaken)
    assert lake.append(BARS, ours, at=T0 + HOUR).rows["symbol"].to_pylist() == ["B"]
    assert closes(lake.read_versions(BARS)) == [1.0, 2.0, 5.0]


def test_a_table_without_symbol_or_session_has_versions_too(lake):
    row = dict.fromkeys(INSTRUMENTS.schema.names) | {"symbol": "A", "known_at": T0, "name": "One"}
    for name, hours in (("One", 0), ("One", 1), ("Two", 2)):
        given_row = {**row, "name": name, "known_at": T0 + hours * HOUR}
        lake.append(INSTRUMENTS, pa.Table.from_pylist([given_row], INSTRUMENTS.schema), at=T0)
    assert lake.read(INSTRUMENTS)["name"].to_pylist() == ["Two"]
    assert lake.read_versions(INSTRUMENTS).num_rows == 2


def test_a_log_keeps_its_last_row_current(lake):
    for hours in (0, 1, 2):
        row = dict.fromkeys(JUDGEMENTS.schema.names, hours // 2) | {
            "judged_at": T0 + hours * HOUR,
            "calendar_last": DAY,
        }
        lake.append(JUDGEMENTS, pa.Table.from_pylist([row], JUDGEMENTS.schema), at=T0)
    assert lake.read(JUDGEMENTS)["bars"].to_pylist() == [1]
    assert lake.read_versions(JUDGEMENTS)["bars"].to_pylist() == [0, 1]


def test_as_of_without_time_zone_or_without_versions_is_a_mistake(lake):
    with pytest.raises(ValueError, match="time zone"):
        lake.read(BARS, as_of=datetime(2024, 1, 1))
    with pytest.raises(ValueError, match="table of versions"):
        lake.read(FINDINGS, as_of=T0)


def test_a_snapshot_does_not_see_what_is_written_later(lake):
    lake.append(BARS, bars(("A", DAY, 1.0, T0)), at=T0)
    snapshot = lake.snapshot((BARS, FINDINGS))
    lake.append(BARS, bars(("A", DAY, 2.0, T0 + HOUR)), at=T0)
    lake.ensure_tables()
    assert closes(snapshot.read(BARS)) == [1.0]
    assert snapshot.versions((BARS, FINDINGS)) == {"bars": 1, "findings": -1}
    assert snapshot.read(FINDINGS).num_rows == 0


def findings(*rules: str) -> pa.Table:
    rows = [dict.fromkeys(FINDINGS.schema.names) | {"symbol": "A", "rule": rule} for rule in rules]
    return pa.Table.from_pylist(rows, schema=FINDINGS.schema)


def test_a_whole_table_is_replaced_where_no_range_is_named(lake):
    lake.replace(FINDINGS, findings("one", "two"))
    lake.replace(FINDINGS, findings("three"))
    assert lake.read(FINDINGS)["rule"].to_pylist() == ["three"]
    with pytest.raises(ValueError, match="whose rows of fills"):
        lake.replace(FILLS, FILLS.schema.empty_table())


def test_a_replacement_computed_from_an_older_table_is_not_written(lake):
    seen = lake.replace(FINDINGS, findings("one"))
    lake.replace(FINDINGS, findings("two"), seen=seen)
    with pytest.raises(TableMovedOn):
        lake.replace(FINDINGS, findings("three"), seen=seen)


def test_a_replacement_that_lost_a_race_is_not_written(lake, monkeypatch):
    lake.ensure_tables((FINDINGS,))
    write, raced = lake_module.write_deltalake, []

    def overtaken(table, rows, **how):
        if not raced:
            raced.append(table)
            Lake(lake.root).replace(FINDINGS, findings("theirs"))
        return write(table, rows, **how)

    monkeypatch.setattr(lake_module, "write_deltalake", overtaken)
    with pytest.raises(TableMovedOn):
        lake.replace(FINDINGS, findings("ours"), seen=0)
    assert lake.read(FINDINGS)["rule"].to_pylist() == ["theirs"]


KEYS = st.lists(
    st.tuples(
        st.sampled_from(["", "A", "AB", "B", "b", "Z.Z"]),
        st.dates(date(1970, 1, 1), date(2100, 1, 1)),
        st.none() | st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),
    ),
    max_size=12,
)
SCHEMA = pa.schema(
    [("symbol", pa.string()), ("session", pa.date32()), ("at", pa.timestamp("us", "UTC"))]
)


def keyed(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[], [], []]
    return pa.Table.from_arrays(
        [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)],
        schema=SCHEMA,
    )


def sorting(row: tuple) -> tuple:
    return (row[0], row[1], row[2] is not None, row[2] or T0)


@given(KEYS, KEYS)
def test_row_keys_are_ordered_and_equal_as_the_columns_are(one, other):
    keys = np.concatenate(row_keys([keyed(one), keyed(other)], SCHEMA.names))
    rows = [*one, *other]
    for i, left in enumerate(rows):
        for j, right in enumerate(rows):
            assert (keys[i] < keys[j]) == (sorting(left) < sorting(right))
            assert (keys[i] == keys[j]) == (left == right)


@given(KEYS, KEYS)
def test_positions_find_the_row_with_the_same_key(rows, among):
    among = list(dict.fromkeys(among))
    found = positions(keyed(rows), keyed(among), SCHEMA.names)
    assert found.tolist() == [among.index(row) if row in among else -1 for row in rows]


@given(KEYS)
def test_key_order_is_the_order_of_the_values(rows):
    table = keyed([(symbol, day, T0) for symbol, day, _ in rows])
    ordered = in_key_order(
        table.append_column("rule", pa.array(["r"] * len(rows), pa.string())).append_column(
            "evidence", pa.array(["e"] * len(rows), pa.string())
        ),
        FINDINGS,
    )
    found = zip(ordered["symbol"].to_pylist(), ordered["session"].to_pylist(), strict=True)
    assert list(found) == sorted((symbol, day) for symbol, day, _ in rows)
