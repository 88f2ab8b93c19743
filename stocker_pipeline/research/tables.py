"""Tables of the lake as pandas sees them best.

Money becomes a float: a notebook looks at it and never books it.
"""

import pandas as pd
import pyarrow as pa
import pyarrow.types as kinds


def frame_of(table: pa.Table) -> pd.DataFrame:
    """A table with sessions as timestamps and decimals as floats."""
    for number, field in enumerate(table.schema):
        if kinds.is_decimal(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(pa.float64()))
    return table.to_pandas(date_as_object=False)
