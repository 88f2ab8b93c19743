"""Metrics as text and as JSON."""

import json

import numpy as np
import pytest
from hypothesis import given, settings

from stocker_pipeline.analytics.metrics import performance_metrics
from stocker_pipeline.analytics.record import TrackRecord
from stocker_pipeline.analytics.wording import (
    dollar_text,
    metric_text,
    metrics_json,
    metrics_table,
    metrics_values,
    percent_text,
)
from stocker_pipeline_tests.analytics.builders import record_of_navs
from stocker_pipeline_tests.analytics.random_books import books


def test_a_table_has_a_label_a_value_and_an_explanation_for_every_metric() -> None:
    metrics = performance_metrics(record_of_navs(np.array([110.0, 99.0])))
    rows = {label: (value, explanation) for label, value, explanation in metrics_table(metrics)}
    assert rows["Maximum drawdown"][0] == "10.00%"
    assert rows["Total return"][0] == "-1.00%"
    assert rows["Final nav"][0] == "$99.00"
    assert rows["Sessions"] == ("2", "Trading sessions in the record.")
    assert rows["Profit factor"][0] == "n/a"
    assert len(rows) == len(type(metrics).model_fields)


def test_losses_stand_above_gains() -> None:
    labels = [row.label for row in metrics_table(performance_metrics(record_of_navs(np.ones(3))))]
    assert labels.index("Maximum drawdown") < labels.index("Total return")


def test_a_drawdown_without_recovery_says_not_yet_and_one_from_the_capital_says_start() -> None:
    metrics = performance_metrics(record_of_navs(np.array([90.0, 95.0])))
    assert metric_text(metrics, "max_drawdown_recovery_session") == "not yet"
    assert metric_text(metrics, "max_drawdown_peak_session") == "start"


def test_json_has_sorted_keys_and_null_for_what_is_not_defined() -> None:
    text = metrics_json(performance_metrics(record_of_navs(np.array([110.0]))))
    values = json.loads(text)
    assert list(values) == sorted(values)
    assert values["sharpe"] is None
    assert values["start"] == "2020-01-01"
    assert text.endswith("}\n")


def test_json_does_not_hang_on_the_last_bits() -> None:
    navs = np.array([110.0, 99.0, 140.0])
    nudged = navs * (1 + 1e-15)
    assert (nudged != navs).any()
    one, other = (performance_metrics(record_of_navs(series)) for series in (navs, nudged))
    assert one != other
    assert metrics_json(one) == metrics_json(other)


def test_dollars_keep_four_decimals_however_large() -> None:
    record = record_of_navs(np.array([12_345_678_901.2345]))
    assert metrics_values(performance_metrics(record))["final_nav"] == 12_345_678_901.2345


@settings(max_examples=40, deadline=None)
@given(books())
def test_json_is_plain_and_the_same_twice(book: TrackRecord) -> None:
    text = metrics_json(performance_metrics(book))
    again = TrackRecord(
        book.snapshots, book.fills, book.positions, bars=book.bars, target_vol=book.target_vol
    )
    assert text == metrics_json(performance_metrics(again))
    assert not {"NaN", "Infinity"} & set(text.replace(",", " ").split())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "$1,234.50"),
        (-0.004, "$0.00"),
        (-12.3, "-$12.30"),
        (9_999.99, "$9,999.99"),
        (1_234_567.89, "$1,234,568"),
    ],
)
def test_dollars_as_text(value: float, text: str) -> None:
    assert dollar_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "12.35%"), (-0.00001, "0.00%"), (12.0, "1,200.00%")]
)
def test_percent_as_text(value: float, text: str) -> None:
    assert percent_text(value) == text
