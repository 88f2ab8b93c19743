"""Portfolios by name or file, for commands that run without Dagster.

The YAML is the one that Dagster loads; only its ``attributes`` are read, and templates are not
resolved.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.strict_yaml import StrictLoader
from stocker_pipeline.gateways.market_data.choice import Sources
from stocker_pipeline.paths import PROJECT_ROOT
from stocker_pipeline.strategies.portfolio import Portfolio, portfolio_from
from stocker_pipeline.strategies.registry import strategies

PORTFOLIOS = PROJECT_ROOT / "stocker_pipeline" / "defs" / "portfolios"
_SIZE_LIMIT_BYTES = 1_000_000


def portfolio_names() -> list[str]:
    """Portfolios that the project ships or that were scaffolded into it."""
    return sorted(path.parent.name for path in PORTFOLIOS.glob("*/defs.yaml"))


def portfolio_data(name_or_file: str, universe: list[str] | None) -> tuple[Mapping[str, Any], str]:
    """Attributes of a portfolio and where they come from.

    Args:
        name_or_file: A portfolio's name, a YAML file, or a strategy's name for its defaults.
        universe: Symbols in place of the YAML's, or None.

    Raises:
        ConfigurationRefused: There is no such portfolio, file or strategy.
    """
    path = PORTFOLIOS / name_or_file / "defs.yaml"
    if not path.is_file():
        path = Path(name_or_file)
    if path.is_file():
        data, where = dict(_attributes(path)), path.name if path.is_absolute() else str(path)
    elif name_or_file in strategies():
        data, where = {"strategy": name_or_file}, f"strategy {name_or_file}"
    else:
        raise ConfigurationRefused(
            f"a portfolio ({', '.join(portfolio_names())}), a strategy "
            f"({', '.join(strategies())}) or a YAML file",
            repr(name_or_file),
            where="--portfolio",
            remedy="Correct the name or the path.",
        )
    if universe is not None:
        data["universe"] = universe
    return data, where


def named_portfolio(name_or_file: str) -> Portfolio:
    """The checked portfolio of a YAML as it stands."""
    data, where = portfolio_data(name_or_file, None)
    return portfolio_from(data, where=where)


def symbols_to_ingest(sources: Sources, also: Sequence[str]) -> list[str]:
    """Whom to ask for: who was named, else all that the provider lists, else the portfolios' own.

    Args:
        also: Symbols to ask for beside those of the portfolios.

    Raises:
        ConfigurationRefused: No portfolio names a symbol.
    """
    if sources.symbols:
        return sorted(set(sources.symbols))
    listed = sources.provider.symbols()
    named = {symbol for name in portfolio_names() for symbol in named_portfolio(name).universe}
    symbols = sorted(listed or {*named, *also})
    if not symbols:
        raise ConfigurationRefused(
            "at least one symbol, of a portfolio or of STOCKER_SYMBOLS",
            "none",
            where=f"the symbols to ask {sources.provider.name} for",
            remedy="Write a portfolio, or set STOCKER_SYMBOLS=SPY,TLT.",
        )
    return symbols


def parsed_overrides(assignments: list[str]) -> dict[str, Any]:
    """``name=value`` pairs; a value is read as YAML does, so ``null`` and numbers work.

    Raises:
        ConfigurationRefused: No ``=``, an unreadable value, or a name given twice.
    """
    parsed: dict[str, Any] = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        name = name.strip()
        try:
            value = yaml.load(text, StrictLoader)
        except yaml.YAMLError:
            separator = ""
        if not separator or not name or name in parsed:
            raise ConfigurationRefused(
                "name=value, each name once",
                repr(assignment),
                where="--set",
                remedy="Write for example --set lookback=63 --set target_vol=null.",
            )
        parsed[name] = _number(value)
    return parsed


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text; a person means the number."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _attributes(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > _SIZE_LIMIT_BYTES:
        raise InputRefused(
            f"a portfolio of at most {_SIZE_LIMIT_BYTES:,} bytes",
            f"{path.stat().st_size:,} bytes",
            where=path.name,
            remedy="Name the portfolio's YAML.",
        )
    try:
        data = yaml.load(path.read_text(), StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputRefused(
            "readable YAML", str(error).replace("\n", " "), where=path.name, remedy="Correct it."
        ) from None
    attributes = data.get("attributes", data) if isinstance(data, dict) else None
    if not isinstance(attributes, dict):
        raise InputRefused(
            "a mapping with strategy, universe, initial_capital and parameters",
            type(attributes).__name__,
            where=path.name,
            remedy="See stocker_pipeline/defs/portfolios/trend_backtest/defs.yaml.",
        )
    return attributes
