"""Every column of every table has a meaning, and none is described that is nowhere."""

import pyarrow as pa
import pytest

from stocker_pipeline.lake import columns
from stocker_pipeline.lake.columns import meaning_of
from stocker_pipeline.lake.schemas import DATASETS, Dataset


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_every_column_has_a_sentence(dataset):
    for column in dataset.schema.names:
        assert meaning_of(dataset, column).endswith("."), column


def test_no_sentence_is_about_a_column_that_is_nowhere():
    there = {(dataset.name, column) for dataset in DATASETS for column in dataset.schema.names}
    assert set(columns._EVERYWHERE) <= {column for _, column in there}
    assert set(columns._OF_A_TABLE) <= there


def test_a_column_that_nobody_described_is_found():
    unknown = Dataset("bars", pa.schema([("mood", pa.string())]), ("mood",))
    with pytest.raises(KeyError, match=r"bars\.mood"):
        meaning_of(unknown, "mood")
