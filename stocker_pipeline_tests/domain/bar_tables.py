"""Small tables of bars and actions for tests, and ways to change one cell of them."""

import pyarrow as pa

from stocker_pipeline.domain.bars import ACTIONS_SCHEMA, BARS_SCHEMA

GOOD_BARS = [
    ("AAA", "2024-01-02", 10.0, 11.0, 9.0, 10.5, 100.0, 10.5),
    ("AAA", "2024-01-03", 10.5, 10.5, 10.0, 10.0, 0.0, 10.0),
    ("AAA", "2024-01-04", 10.0, 12.0, 10.0, 12.0, None, None),
    ("B.B", "2024-01-02", 0.0001, 0.0002, 0.0001, 0.0001, 5.0, 0.0001),
    ("B.B", "2024-01-03", 1e9, 1e9, 1e9, 1e9, 1e12, 1e-9),
]
GOOD_ACTIONS = [
    ("AAA", "2024-01-02", 2.0, 0.0),
    ("AAA", "2024-01-06", 1.0, 0.25),
    ("B.B", "2024-01-02", 1.0, 0.0),
]


def bars(rows=GOOD_BARS) -> pa.Table:
    """Bars from rows written as text and numbers."""
    return _table(rows, BARS_SCHEMA)


def actions(rows=GOOD_ACTIONS) -> pa.Table:
    """Actions from rows written as text and numbers."""
    return _table(rows, ACTIONS_SCHEMA)


def _table(rows, schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array(values, pa.string()).cast(pa.date32())
        if field.name == "session"
        else pa.array(values, field.type)
        for field, values in zip(schema, columns, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def with_cell(table: pa.Table, row: int, column: str, value: object) -> pa.Table:
    """The table with one cell changed."""
    values = table[column].to_pylist()
    values[row] = value
    return with_column(table, column, pa.array(values, table.schema.field(column).type))


def with_column(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    """The table with one column replaced."""
    return table.set_column(table.column_names.index(column), column, values)
