"""Which layout a path has, and what a mapping file may say."""

import re
from pathlib import Path

import pytest
import yaml

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.gateways.market_data.file_layouts import PRICES, STOCKER, Layout, laid_out
from stocker_pipeline_tests.conftest import REPOSITORY

BARS_ONLY = "bars: {file: daily.csv}\n"


@pytest.fixture
def folder(tmp_path):
    def make(*names, mapping=None):
        for name in names:
            (tmp_path / name).write_text("x")
        if mapping is not None:
            (tmp_path / "mapping.yaml").write_text(mapping)
        return tmp_path

    return make


def documented():
    text = (REPOSITORY / "docs" / "market-data-files.md").read_text()
    return dict(re.findall(r"^```yaml (\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(("name", "layout"), [("stocker", STOCKER), ("prices", PRICES)])
def test_the_documented_layouts_are_those_of_the_code(name, layout):
    assert Layout.model_validate(yaml.safe_load(documented()[name])) == layout


def test_the_documented_examples_are_mapping_files(folder):
    made = folder("SPY.csv", mapping=documented()["example"])
    assert laid_out(made).layout.source == "my_vendor"
    made = folder("prices.parquet", "corporate_actions.csv", mapping=documented()["override"])
    assert laid_out(made).layout == PRICES.model_copy(update={"price_basis": "as_traded"})


def test_every_key_is_documented_and_every_documented_key_exists():
    text = (REPOSITORY / "docs" / "market-data-files.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    keys = {
        re.sub(r"^\.", "actions.", key) for row in rows for key in re.findall(r"`([\w.]+)`", row)
    }
    assert keys == {
        *(name for name in Layout.model_fields if name not in ("bars",)),
        *(f"bars.{name}" for name in type(STOCKER.bars).model_fields),
        *(f"actions.{name}" for name in type(STOCKER.actions).model_fields),
        *(f"actions.{name}" for name in type(PRICES.actions).model_fields),
    }


def named(found):
    return [path.name for path in found.bars], [path.name for path in found.actions]


@pytest.mark.parametrize("ending", ["csv", "parquet", "pq"])
def test_a_folder_is_known_by_its_file_of_bars(folder, ending):
    found = laid_out(folder(f"bars.{ending}", "notes.csv"))
    assert found.layout == STOCKER
    assert named(found) == ([f"bars.{ending}"], [])


def test_a_folder_of_prices_needs_its_events(folder):
    with pytest.raises(InputRefused, match="corporate_actions"):
        laid_out(folder("prices.csv"))
    found = laid_out(folder("corporate_actions.parquet"))
    assert found.layout == PRICES
    assert named(found) == (["prices.csv"], ["corporate_actions.parquet"])


def test_a_mapping_file_comes_before_the_known_names(folder):
    made = folder("bars.csv", "prices.csv", "daily.csv", mapping=BARS_ONLY)
    for path in (made, made / "mapping.yaml", made / "daily.csv"):
        assert named(laid_out(path)) == (["daily.csv"], [])
    with pytest.raises(InputRefused, match=r"the mapping.yaml beside it names"):
        laid_out(made / "bars.csv")


def test_a_file_of_bars_stands_for_its_folder(folder):
    made = folder("prices.csv", "bars.csv", "corporate_actions.csv", "actions.csv", "etfs.csv")
    assert named(laid_out(made / "prices.csv")) == (["prices.csv"], ["corporate_actions.csv"])
    assert named(laid_out(made / "bars.csv")) == (["bars.csv"], ["actions.csv"])
    assert named(laid_out(made / "etfs.csv")) == (["etfs.csv"], ["actions.csv"])


def test_one_of_two_forms_may_be_named_itself(folder):
    made = folder("bars.csv", "bars.parquet")
    with pytest.raises(InputRefused, match=r"bars.parquet, bars.csv"):
        laid_out(made)
    assert named(laid_out(made / "bars.csv")) == (["bars.csv"], [])


def test_a_pattern_is_all_files_that_match_in_the_order_of_their_names(folder):
    made = folder("B.csv", "A.csv", "C.txt", mapping='bars: {file: "*.csv"}')
    assert named(laid_out(made)) == (["A.csv", "B.csv"], [])


@pytest.mark.parametrize(
    ("names", "path", "received"),
    [
        (["bars.csv", "prices.csv"], ".", "both"),
        (["notes.txt"], ".", "none of them"),
        ([], "absent", "no such file"),
        ([], "mapping.yaml", "No such file"),
    ],
)
def test_a_path_that_no_layout_fits_is_refused(folder, names, path, received):
    with pytest.raises(InputRefused) as refusal:
        laid_out(folder(*names) / path)
    assert received in refusal.value.received
    assert refusal.value.remedy


def test_a_mapping_that_names_an_absent_file_is_refused(folder):
    with pytest.raises(InputRefused, match=r"the file of bars, daily.csv"):
        laid_out(folder(mapping=BARS_ONLY))


@pytest.mark.parametrize(
    ("mapping", "received"),
    [
        ("[1, 2]", "a list"),
        ("", "a NoneType"),
        ("bars: {", "parsing"),
        ("bars: {file: a, file: b}", "the key 'file' is there twice"),
        ("a: " + "x" * 1_000_001, "bytes"),
    ],
)
def test_a_mapping_that_is_no_mapping_is_refused(folder, mapping, received):
    with pytest.raises(InputRefused) as refusal:
        laid_out(folder("daily.csv", mapping=mapping))
    assert received in refusal.value.received


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        ("like: lean", "key like"),
        ("source: x", "bars: "),
        ("bars: {file: daily.csv, colums: {}}", "bars.colums"),
        ("bars: {file: ../daily.csv}", "bars.file"),
        ("bars: {file: daily.csv, columns: {open: 7}}", "bars.columns.open"),
        (BARS_ONLY + "price_basis: adjusted", "price_basis"),
        (BARS_ONLY + "price_basis: split_adjusted", "needs the splits"),
        (BARS_ONLY + "volume_unit_shares: 0", "volume_unit_shares"),
        (BARS_ONLY + "volume_unit_shares: 100.5", "volume_unit_shares"),
        (BARS_ONLY + 'date_format: "%Y-%m"', "date_format"),
        (BARS_ONLY + 'date_format: "%Q"', "date_format"),
        (BARS_ONLY + "source: My Vendor", "source"),
        (BARS_ONLY + "actions: {file: a.csv}", "actions"),
        (BARS_ONLY + "actions: {form: events, file: a.csv, columns: {split: s}}", "columns.split"),
    ],
)
def test_a_mapping_out_of_its_bounds_is_refused_by_key(folder, mapping, where):
    with pytest.raises(ConfigurationRefused) as refusal:
        laid_out(folder("daily.csv", mapping=mapping))
    assert where in str(refusal.value)
    assert "mapping.yaml" in refusal.value.where


def test_a_mapping_replaces_whole_keys_of_the_layout_it_is_like(folder):
    made = folder("daily.csv", mapping="like: stocker\nactions: null\n" + BARS_ONLY)
    layout = laid_out(made).layout
    assert layout.actions is None
    assert layout.bars.columns.adj_close is None
    assert layout.other_columns == "refused"


def test_paths_may_be_relative(folder, monkeypatch):
    monkeypatch.chdir(folder("bars.csv"))
    assert laid_out(Path()).bars == (Path("bars.csv"),)
    assert laid_out(Path("bars.csv")).bars == (Path("bars.csv"),)
