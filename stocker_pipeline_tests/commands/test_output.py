"""Options and answers that every group of commands shares."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stocker_pipeline.commands import output
from stocker_pipeline.domain.errors import InputRefused

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2024-01-15T12:00Z", "2024-01-15T07:00:00-05:00"])
def test_an_instant_is_read_in_any_zone_and_given_in_utc(text):
    found = output.parsed_instant(text, "--as-of")
    assert (found, found and found.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize("text", ["2024-01-15", "2024-01-15T12:00:00", "noon", ""])
def test_an_instant_without_a_zone_is_refused(text):
    with pytest.raises(InputRefused, match="--as-of"):
        output.parsed_instant(text, "--as-of")


def test_options_left_out_stay_open():
    assert output.parsed_instant(None, "--as-of") is None
    assert output.parsed_range(None, None) == (None, None)
    assert output.parsed_range("2024-01-15", "2024-01-15") == (date(2024, 1, 15),) * 2


def test_json_has_iso_text_for_dates_and_null_for_the_unknown(capsys):
    output.print_json({"b": NOON, "a": date(2024, 1, 15), "path": Path("x"), "none": None})
    text = capsys.readouterr().out
    assert json.loads(text) == {
        "a": "2024-01-15",
        "b": "2024-01-15T12:00:00+00:00",
        "path": "x",
        "none": None,
    }
    assert text.index('"a"') < text.index('"b"')


@pytest.mark.parametrize("value", [{"x": float("nan")}, {"x": object()}])
def test_what_json_does_not_have_is_an_error(value, capsys):
    with pytest.raises((ValueError, TypeError)):
        output.print_json(value)
    assert capsys.readouterr().out == ""


def test_text_from_data_is_printed_as_it_is(capsys):
    text = "[bold]not bold[/bold] [1] \\[x] [/]"
    output.say(output.escaped(text))
    output.print_table("Brackets [x]", [{"[head]": text}])
    told = capsys.readouterr().out
    assert told.count(text) == 2
    assert "Brackets [x]" in told and "[head]" in told


def test_a_row_of_a_table_is_one_line_of_a_file(capsys):
    output.print_table("", [{"evidence": "word " * 100, "n": None}])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "word" in line]
    assert line.count("word") == 100
    assert line.rstrip().endswith("–")


def test_a_table_without_rows_is_not_printed(capsys):
    output.print_table("Nothing", [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234.5, 2, "1,234.50"),
        (0.0001, 2, "0.0001"),
        (100.0, 0, "100"),
        (-0.5, 2, "-0.50"),
        (None, 2, "–"),
        (17_398_000.0, 0, "17,398,000"),
    ],
)
def test_a_number_has_two_to_six_decimals(value, decimals, text):
    assert output.number_text(value, decimals) == text
