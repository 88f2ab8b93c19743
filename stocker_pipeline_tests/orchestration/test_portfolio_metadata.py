"""What the last session of a backtest's run says of its signals."""

import pyarrow as pa

from stocker_pipeline.orchestration.portfolio_metadata import signals_metadata
from stocker_pipeline.stages.forecast import Forecasted


def said_of(*rows: dict[str, object]) -> list[str]:
    """The lines of the table, without its head."""
    forecast = Forecasted(len(rows), {}, {}, 1, pa.Table.from_pylist(list(rows)))
    text: str = signals_metadata(forecast)["signals_of_session"].value
    return text.splitlines()[2:]


def signal(symbol: str, weight: float | None, reason: str | None = None) -> dict[str, object]:
    direction = None if weight is None else 1 if weight > 0 else -1
    values = {"momentum": weight, "vol": weight and 0.2, "direction": direction, "weight": weight}
    return {"symbol": symbol, **values, "reason": reason}


def test_the_largest_weight_is_first_and_a_silent_symbol_says_why() -> None:
    found = said_of(
        signal("QUIET", None, "TOO_FEW_BARS"), signal("SMALL", 0.01), signal("SHORT", -0.3)
    )
    assert found == [
        "| SHORT | -30.00% | 20.00% | -1 | -0.3000 |  |",
        "| SMALL | +1.00% | 20.00% | +1 | +0.0100 |  |",
        "| QUIET |  |  |  |  | TOO_FEW_BARS |",
    ]


def test_a_large_universe_is_cut_and_says_so() -> None:
    found = said_of(*(signal(f"S{i:04d}", 0.1) for i in range(3_000)))
    assert len(found) == 101
    assert found[-1].startswith("| 2,900 more, in the lake |")


def test_a_name_does_not_break_the_table() -> None:
    (line,) = said_of(signal("A|B", 0.1))
    assert line.startswith("| A\\|B |")
