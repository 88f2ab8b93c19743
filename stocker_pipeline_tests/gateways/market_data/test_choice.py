"""From names in the settings to providers, with what each of them needs."""

import sys
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.session import FixedClock
from stocker_pipeline.gateways.market_data.choice import (
    PROVIDERS,
    Access,
    chosen_sources,
    known_instruments,
)
from stocker_pipeline_tests.stages.market_day import two_symbol_tables

CLOCK = FixedClock(datetime(2024, 1, 15, tzinfo=UTC))


@pytest.fixture
def access(tmp_path) -> Access:
    import pyarrow.parquet as pq

    pq.write_table(two_symbol_tables()[0], tmp_path / "bars.parquet")
    secret = SecretStr("s3cret")
    return Access(
        files_path=tmp_path,
        alpaca_key_id=secret,
        alpaca_secret_key=secret,
        tiingo_token=secret,
    )


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_can_be_chosen_by_its_name(name, access):
    chosen = chosen_sources([name], None, access, CLOCK)
    assert chosen.provider.name.split(":")[0] == name
    assert chosen.reference is None


def test_several_names_are_asked_in_order_and_another_one_compares(access):
    chosen = chosen_sources(["files", "sample"], "tiingo", access, CLOCK)
    assert chosen.provider.name == "files, sample"
    assert chosen.reference is not None
    assert chosen.reference.name == "tiingo"


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("files", "STOCKER_FILES_PATH"),
        ("alpaca", "APCA_API_KEY_ID"),
        ("tiingo", "TIINGO_API_KEY"),
        ("bloomberg", "STOCKER_PROVIDERS"),
    ],
)
def test_a_provider_that_lacks_something_says_what_to_set(name, lacks):
    with pytest.raises(ConfigurationRefused, match=lacks):
        chosen_sources([name], None, Access(), CLOCK)


def test_instruments_come_from_the_file_or_are_not_known(tmp_path):
    path = tmp_path / "instruments.csv"
    path.write_text(
        "symbol,asset_class,exchange,currency,tradable,shortable\n"
        "SPY,us_equity,ARCA,USD,true,true\n"
    )
    rows = known_instruments(Access(instruments_path=path), ["SPY"], CLOCK)
    assert rows["exchange"].to_pylist() == ["ARCA"]
    assert known_instruments(Access(), ["SPY"], CLOCK).num_rows == 0


def test_a_provider_without_its_packages_says_how_to_install_them(monkeypatch, access):
    module = "stocker_pipeline.gateways.market_data.tiingo"
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ConfigurationRefused, match=r"without httpx.*\[vendors\]"):
        chosen_sources(["tiingo"], None, access, CLOCK)


def test_keys_do_not_show_when_access_is_printed(access):
    assert "s3cret" not in repr(access)
