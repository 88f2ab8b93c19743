"""``limits:`` of a portfolio's YAML: defaults, ceilings, and refusals that name key and bound."""

import json

import pytest
from jsonschema import Draft202012Validator

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

GOOD = {"strategy": "trend", "universe": ["AAPL", "MSFT"]}
NAN = float("nan")
WRONG = [
    ("single_nam", 0.1, "single_nam"),
    ("single_name", -0.1, "greater than or equal to 0"),
    ("single_name", NAN, "nan"),
    ("single_name", "0.1", "0.1"),
    ("gross_exposure", float("inf"), "inf"),
    ("participation", 0.021, "less than or equal to 0.02"),
    ("participation", NAN, "nan"),
    ("minimum_price_usd", 2.4, "greater than or equal to 2.5"),
    ("minimum_adv_usd", 1.0, "greater than or equal to 2500000"),
    ("reference_jump", 0.6, "less than or equal to 0.5"),
    ("reference_age_sessions", 3, "less than or equal to 2"),
    ("price_collar", 0.07, "less than or equal to 0.06"),
    ("order_count", 1.5, "1.5"),
    ("restricted", ["aapl"], "aapl"),
]
OVER_THE_CEILING = [
    ("single_name", 0.78, "at most 0.77 is allowed; the default of this portfolio is 0.385"),
    ("gross_exposure", 3.7, "at most 3.66"),
    ("gross_worst_case", 7.0, "at most 6.96"),
    ("short_exposure", 7.0, "at most 6.96"),
    ("turnover", 7.0, "at most 6.96"),
    ("order_count", 10, "at most 8 is allowed; the default of this portfolio is 4"),
    ("order_notional", 0.78, "at most 0.77"),
    ("order_notional_usd", 385_001.0, "at most 385000"),
    ("session_notional_usd", 3.5e6, "at most 3.48"),
    ("cash_floor", -2.8, "at least -2.7"),
]


def portfolio(**limits: object) -> Portfolio:
    return portfolio_from(GOOD | {"limits": limits}, where="mine.yaml")


def schema_errors(**limits: object) -> list[str]:
    validator = Draft202012Validator(Portfolio.model_json_schema())
    found = validator.iter_errors(GOOD | {"limits": limits})
    return [f"{error.json_path} {error.message}" for error in found]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_the_model_refuses_with_key_value_and_bound(name, value, message):
    with pytest.raises(ConfigurationRefused) as refused:
        portfolio(**{name: value})
    assert f"limits.{name}" in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_the_schema_that_is_checked_in_the_yaml_refuses_it_too(name, value, message):
    assert any(name in error for error in schema_errors(**{name: value}))


@pytest.mark.parametrize(("name", "value", "message"), OVER_THE_CEILING)
def test_no_value_passes_the_ceiling_that_the_parameters_give(name, value, message):
    with pytest.raises(ConfigurationRefused) as refused:
        portfolio(**{name: value})
    assert f"limits.{name} was {value:g}" in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", [case[0] for case in OVER_THE_CEILING])
def test_the_ceiling_itself_may_be_given(name):
    ceiling = portfolio().limit_bounds[name].ceiling
    given = portfolio(**{name: int(ceiling) if name == "order_count" else ceiling})
    assert given.limit_bounds[name].value == ceiling


def test_an_unknown_limit_is_told_which_there_are():
    with pytest.raises(ConfigurationRefused, match="one of the limits gross_exposure"):
        portfolio(single=0.1)


def test_what_is_left_out_or_null_has_its_default():
    assert schema_errors(turnover=None) == []
    assert portfolio(turnover=None).limit_bounds == portfolio_from(GOOD, where="x").limit_bounds


def test_wider_parameters_widen_the_defaults_with_them():
    wide = portfolio_from(GOOD | {"parameters": {"single_cap": 0.6}}, where="x")
    assert wide.limit_bounds["single_name"].value == pytest.approx(0.66)
    assert portfolio().with_overrides({"single_cap": 0.6}, where="x").limit_bounds == (
        wide.limit_bounds
    )


def test_limits_survive_as_plain_data():
    given = portfolio(turnover=0.3, restricted=["MSFT"])
    again = portfolio_from(json.loads(given.model_dump_json()), where="x")
    assert again == given
