"""The PNG of equity and drawdown."""

import io
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from stocker_pipeline.analytics.benchmarks import benchmarks_of
from stocker_pipeline.analytics.pictures import equity_picture, signals_picture
from stocker_pipeline_tests.analytics.builders import record_of_navs


def _navs(count: int) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, count)))


@pytest.mark.parametrize(
    "navs", [np.empty(0), _navs(1), _navs(2), _navs(3_270), np.array([50.0, -10.0, 20.0])]
)
def test_a_picture_of_any_book_has_its_size_and_few_bytes(navs: np.ndarray) -> None:
    record = record_of_navs(navs)
    picture = equity_picture(record.snapshots, benchmarks_of(record))
    assert len(picture) < 80_000
    image = Image.open(io.BytesIO(picture))
    assert (image.format, image.size) == ("PNG", (900, 500))
    assert image.info.keys() <= {"transparency"}


def test_the_same_book_gives_the_same_bytes() -> None:
    one, other = record_of_navs(_navs(300)), record_of_navs(_navs(300))
    assert equity_picture(one.snapshots) == equity_picture(other.snapshots)


def test_another_book_gives_another_picture() -> None:
    one, other = record_of_navs(_navs(300)), record_of_navs(_navs(301))
    assert equity_picture(one.snapshots) != equity_picture(other.snapshots)


def test_benchmarks_are_drawn() -> None:
    record = record_of_navs(_navs(300))
    alone = equity_picture(record.snapshots)
    assert alone != equity_picture(record.snapshots, benchmarks_of(record))


def test_a_deposit_does_not_look_like_a_gain() -> None:
    flat = record_of_navs(np.array([100.0, 101.0, 100.0]))
    flows = np.array([0.0, 50.0, 50.0])
    deposited = record_of_navs(np.array([100.0, 151.0, 151.0 / 1.01]), flows)
    assert equity_picture(deposited.snapshots) == equity_picture(flat.snapshots)


def _signals(count: int, **changes: object) -> pa.Table:
    rows = [
        {"symbol": f"S{i}", "momentum": 0.01 * (i - 3), "vol": 0.1 + 0.01 * i, "weight": 0.1 * i}
        for i in range(count)
    ]
    schema = pa.schema(
        [("symbol", pa.string()), *((n, pa.float64()) for n in ("momentum", "vol", "weight"))]
    )
    return pa.Table.from_pylist([row | changes for row in rows], schema=schema)


@pytest.mark.parametrize(
    "signals", [_signals(0), _signals(1), _signals(5), _signals(3_000), _signals(2, vol=None)]
)
def test_signals_of_any_market_have_a_picture_of_its_size_and_few_bytes(signals: pa.Table) -> None:
    picture = signals_picture(signals)
    assert len(picture) < 80_000
    image = Image.open(io.BytesIO(picture))
    assert (image.format, image.size) == ("PNG", (900, 500))


def test_a_symbol_without_a_signal_is_not_in_the_picture() -> None:
    silent = _signals(1, symbol="QUIET", momentum=None)
    assert signals_picture(pa.concat_tables([_signals(5), silent])) == signals_picture(_signals(5))


@pytest.mark.parametrize("column", ["momentum", "vol", "weight", "symbol"])
def test_every_number_of_a_signal_moves_its_point(column: str) -> None:
    changed: object = "other" if column == "symbol" else 0.42
    one, other = _signals(3), _signals(3, **{column: changed})
    assert signals_picture(one) != signals_picture(other)


def test_pyplot_is_left_alone() -> None:
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from stocker_pipeline.analytics.pictures import equity_picture\n"
        "from stocker_pipeline_tests.analytics.builders import record_of_navs\n"
        "equity_picture(record_of_navs(np.array([101.0, 99.0])).snapshots)\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
