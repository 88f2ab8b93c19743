"""A portfolio's YAML: refused by its schema and by its model, each naming key, value and bound."""

import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.stages.portfolios import PORTFOLIOS, portfolio_names
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from

SHIPPED = {
    name: yaml.safe_load((PORTFOLIOS / name / "defs.yaml").read_text())["attributes"]
    for name in portfolio_names()
}
GOOD = {"strategy": "trend", "universe": ["AAPL", "MSFT"], "parameters": {}}
WRONG = [
    ({"strategy": "momentum"}, "strategy", "momentum"),
    ({"universe": []}, "universe", "[]"),
    ({"universe": ["aapl"]}, "universe.0", "aapl"),
    ({"universe": ["AAPL\n"]}, "universe.0", "AAPL"),
    ({"initial_capital": -5.0}, "initial_capital", "-5.0"),
    ({"initial_capital": float("nan")}, "initial_capital", "nan"),
    ({"initial_capitol": 5.0}, "initial_capitol", "initial_capitol"),
    ({"parameters": {"single_cap": -0.1}}, "parameters.single_cap", "-0.1"),
    ({"parameters": {"single_cap": float("nan")}}, "parameters.single_cap", "nan"),
    ({"parameters": {"gross_cap": float("inf")}}, "parameters.gross_cap", "inf"),
    ({"parameters": {"max_leverage": 11.0}}, "parameters.max_leverage", "11.0"),
    ({"parameters": {"buffer": 1.0}}, "parameters.buffer", "1.0"),
    ({"parameters": {"buffer": float("nan")}}, "parameters.buffer", "nan"),
    ({"parameters": {"slippage_bps": "5"}}, "parameters.slippage_bps", "5"),
    ({"parameters": {"lookback": 1.5}}, "parameters.lookback", "1.5"),
    ({"parameters": {"single_cap": None}}, "parameters.single_cap", "None"),
    ({"parameters": {"flips": "three"}}, "parameters.flips", "three"),
    ({"parameters": {"loopback": 3}}, "parameters.loopback", "loopback"),
    ({"monitors": {"daily_loss_reduce": 0.3}}, "monitors.daily_loss_reduce", "0.3"),
    ({"monitors": {"daily_loss_reduce": float("nan")}}, "monitors.daily_loss_reduce", "nan"),
    ({"monitors": {"daily_loss_reduce": None}}, "monitors.daily_loss_reduce", "None"),
    ({"monitors": {"drawdown_reduce": 0.0}}, "monitors.drawdown_reduce", "0.0"),
    ({"monitors": {"drift_sessions": 1.5}}, "monitors.drift_sessions", "1.5"),
    ({"monitors": {"daily_lose": 0.03}}, "monitors.daily_lose", "daily_loss_reduce"),
]


def schema_errors(data: dict) -> list[str]:
    """Path and message of everything that the schema finds, as ``dg check yaml`` does."""
    validator = Draft202012Validator(Portfolio.model_json_schema())
    return [f"{error.json_path} {error.message}" for error in validator.iter_errors(data)]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_portfolios_pass_schema_and_model(name):
    assert schema_errors(SHIPPED[name]) == []
    assert portfolio_from(SHIPPED[name], where=name).strategy == SHIPPED[name]["strategy"]


@pytest.mark.parametrize(("change", "key", "value"), WRONG)
def test_what_is_wrong_is_refused_by_the_model_with_key_and_value(change, key, value):
    with pytest.raises(ConfigurationRefused) as refused:
        portfolio_from(GOOD | change, where="mine.yaml")
    assert key in str(refused.value)
    assert value in str(refused.value)
    assert str(refused.value).startswith("mine.yaml: ")


@pytest.mark.parametrize(("change", "key", "value"), [case for case in WRONG if case[2] != "AAPL"])
def test_what_is_wrong_is_refused_by_the_schema_too(change, key, value):
    found = schema_errors(GOOD | change)
    assert found, "the schema let it pass"
    last = re.split(r"\.", key)[-1]
    assert any(last in error or f"[{last}]" in error for error in found)


def test_every_key_of_the_rule_sheet_is_a_key_of_the_yaml():
    sheet = (
        "lookback window ewma_lambda target_vol portfolio_lambda max_leverage single_cap gross_cap "
        "drawdown_trip drawdown_recover drawdown_scale buffer min_notional slippage_bps "
        "commission_per_order commission_per_share max_participation price_basis flips"
    )
    assert set(SHIPPED["trend_backtest"]["parameters"]) == set(sheet.split())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": 126}, "at least lookback"),
        ({"drawdown_recover": 0.2}, "above drawdown_trip"),
        ({"max_leverage": None}, "only where target_vol is null"),
        ({"price_basis": "adjusted", "max_participation": 0.1}, "volume is raw"),
    ],
)
def test_bounds_between_parameters_are_refused_too(parameters, message):
    with pytest.raises(ConfigurationRefused, match=message):
        portfolio_from(GOOD | {"parameters": parameters}, where="mine.yaml")


def test_parameters_of_another_strategy_are_unknown():
    with pytest.raises(ConfigurationRefused, match="lookback"):
        portfolio_from(
            GOOD | {"strategy": "buy_and_hold", "parameters": {"lookback": 3}}, where="x"
        )


def test_weights_outside_the_universe_are_refused():
    data = {"strategy": "sixty_forty", "universe": ["SPY", "TLT"]}
    with pytest.raises(ConfigurationRefused, match="IEF, not in the universe"):
        portfolio_from(data, where="x")


def test_a_drawdown_that_kills_is_not_below_the_one_that_reduces():
    bounds = {"drawdown_reduce": 0.2, "drawdown_kill": 0.1}
    with pytest.raises(ConfigurationRefused, match=r"0\.1, below drawdown_reduce 0\.2"):
        portfolio_from(GOOD | {"monitors": bounds}, where="mine.yaml")
    never = portfolio_from(GOOD | {"monitors": {"drawdown_kill": None}}, where="mine.yaml")
    assert never.monitors.drawdown_kill is None
