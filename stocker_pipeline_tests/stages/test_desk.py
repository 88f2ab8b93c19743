"""What the hash of a book's configuration covers: all that decides and can be set."""

from typing import Any

import pytest

from stocker_pipeline.stages.desk import Desk
from stocker_pipeline.stages.portfolios import named_portfolio
from stocker_pipeline.strategies.portfolio import Portfolio

NAME = "trend_paper"


def config_hash(portfolio: Portfolio) -> str:
    nothing: Any = None
    desk = Desk(NAME, portfolio, "dev", "SIM", *[nothing] * 6)
    return desk.config_hash


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """Every field of a portfolio, defaults too, as its YAML could have it."""
    return named_portfolio(NAME).model_dump(mode="json")


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in leaves(item, (*path, name))]
    return [path]


def test_every_part_of_a_portfolio_is_in_its_configuration(whole):
    assert set(whole) == {field.alias or name for name, field in Portfolio.model_fields.items()}
    parts = {path[0] for path in leaves(whole)}
    assert {"strategy", "universe", "initial_capital", "parameters", "limits", "monitors"} <= parts


@pytest.mark.parametrize("part", ["parameters", "limits", "monitors"])
def test_every_number_that_is_set_changes_the_hash(whole, part):
    before = config_hash(Portfolio.model_validate(whole))
    changed = 0
    for name, value in whole[part].items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        for other in (value * 0.99, value + 1, value - 1):
            try:
                given = {**whole[part], name: type(value)(other)}
                portfolio = Portfolio.model_validate({**whole, part: given})
            except ValueError:
                continue
            if portfolio.model_dump() != named_portfolio(NAME).model_dump():
                assert config_hash(portfolio) != before, name
                changed += 1
                break
    assert changed


def test_another_universe_is_another_hash(whole):
    portfolio = named_portfolio(NAME)
    symbols = portfolio.universe
    fewer = Portfolio.model_validate({**whole, "universe": symbols[1:]})
    assert config_hash(fewer) != config_hash(portfolio)
