"""The table of irregular days is what exchange_calendars says, and is not trusted beyond that."""

from datetime import date, time
from importlib import metadata, resources

import pytest

from stocker_pipeline.domain import xnys


def test_the_table_is_what_the_installed_exchange_calendars_reckons():
    version, table = xnys._table()
    reckoned = xnys.reckoned(xnys.TABLE_LAST)
    assert version == metadata.version("exchange_calendars"), "renew xnys.csv, see its module"
    assert table.closed.tolist() == reckoned.closed.tolist()
    assert table.early_closes == reckoned.early_closes


def test_the_table_written_out_again_is_the_file():
    text = resources.files("stocker_pipeline.domain").joinpath("xnys.csv")
    assert xnys._as_text(xnys._table()[1]) == text.read_text()


def test_another_version_of_the_library_is_asked_instead_of_the_table(monkeypatch):
    marker = xnys.IrregularDays(xnys._table()[1].closed[:1], {})
    monkeypatch.setattr(xnys.metadata, "version", lambda name: "99.0")
    monkeypatch.setattr(xnys, "reckoned", lambda last: marker)
    assert xnys.irregular_days(date(2020, 1, 1)) is marker


def test_dates_beyond_the_table_are_asked_of_the_library(monkeypatch):
    asked = []
    monkeypatch.setattr(xnys, "reckoned", asked.append)
    xnys.irregular_days(date(2061, 1, 1))
    assert asked == [date(2061, 1, 1)]


@pytest.mark.parametrize(
    ("day", "close"),
    [
        ("1992-11-27", time(14)),
        ("1999-12-31", time(13)),
        ("2012-11-23", time(13)),
        ("2024-07-03", time(13)),
    ],
)
def test_early_closes_have_the_hour_of_their_time(day, close):
    assert xnys._table()[1].early_closes[date.fromisoformat(day)] == close
