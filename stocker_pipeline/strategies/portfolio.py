"""A portfolio: a strategy, its universe, its capital and its parameters, checked as one.

The model behind a portfolio's YAML. Its JSON schema names the strategies that exist and refuses,
key by key, what the chosen strategy's parameters do not allow.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.domain.limits import Bound, Limits
from stocker_pipeline.domain.monitoring import MonitorBounds
from stocker_pipeline.domain.portfolio import PortfolioParameters, bounded
from stocker_pipeline.strategies.base import Strategy
from stocker_pipeline.strategies.registry import strategies
from stocker_pipeline.strategies.universe import Universe, keys_at

CAPITAL_CEILING_USD = 1e12


class Portfolio(BaseModel):
    """What is run: which rule, on which symbols, with how much money."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, serialize_by_alias=True)

    mode: Literal["backtest", "paper"] = Field(
        "backtest",
        description="Where the book lives: backtest = the lake, replaced by every run; paper = the "
        "ledger and the simulated broker, day by day.",
    )
    strategy: str = Field(description="Name of a registered strategy.")
    membership: Universe = Field(
        alias="universe",
        description="Symbols the strategy may hold, in any order, each once; or a mapping that "
        "also says when, and what they must keep.",
    )
    initial_capital: Annotated[float, bounded(gt=0, le=CAPITAL_CEILING_USD)] = Field(
        100_000.0, description="Cash at the portfolio's first session, in dollars."
    )
    description: str = Field("", description="One sentence for the asset graph.")
    parameters: SerializeAsAny[PortfolioParameters] = Field(
        default_factory=PortfolioParameters,
        validate_default=True,
        description="The strategy's parameters; those left out have its defaults.",
    )
    limits: Limits = Field(
        default_factory=Limits,
        description="What no order of a paper or live book may break; those left out have their "
        "defaults.",
    )
    monitors: MonitorBounds = Field(
        default_factory=MonitorBounds,
        description="When the monitors of a paper book speak up; see docs/monitors.md.",
    )

    @model_validator(mode="before")
    @classmethod
    def _parameters_of_the_strategy(cls, data: Any) -> Any:
        """Read ``parameters`` as the chosen strategy's own model."""
        if not isinstance(data, Mapping):
            return data
        known = strategies()
        name = data.get("strategy")
        given = data.get("parameters")
        if name not in known or isinstance(given, PortfolioParameters):
            return data
        return {**data, "parameters": known[name].Parameters.model_validate(given or {})}

    @field_validator("strategy")
    @classmethod
    def _strategy_is_registered(cls, value: str) -> str:
        if value not in strategies():
            raise ValueError(f"strategy was {value!r}: wanted one of {', '.join(strategies())}")
        return value

    @model_validator(mode="after")
    def _weights_are_in_the_universe(self) -> Self:
        outside = sorted(set(getattr(self.parameters, "weights", {})) - set(self.universe))
        if outside:
            raise ValueError(
                f"parameters.weights names {', '.join(outside)}, not in the universe "
                f"{', '.join(self.universe)}: add them to it or leave them out"
            )
        return self

    @model_validator(mode="after")
    def _limits_are_below_their_ceilings(self) -> Self:
        for name, bound in self.limit_bounds.items():
            if bound.beyond:
                kind = "at least" if bound.at_least else "at most"
                raise ValueError(
                    f"limits.{name} was {bound.value:g}: {kind} {bound.ceiling:g} is allowed; the "
                    f"default of this portfolio is {bound.default:g}"
                )
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """One branch per strategy, so that an error names the key inside ``parameters``."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        known = strategies()
        schema["properties"]["strategy"]["enum"] = list(known)
        schema["properties"]["universe"] = _universe_schema(schema["properties"]["universe"])
        schema["properties"]["parameters"] = {
            "type": "object",
            "description": schema["properties"]["parameters"].get("description", ""),
        }
        schema["properties"]["monitors"] = _inlined(MonitorBounds.model_json_schema())
        limits = schema["properties"]["limits"]
        schema["properties"]["limits"] = _inlined(Limits.model_json_schema()) | {
            "description": limits.get("description", "")
        }
        schema["allOf"] = [
            {
                "if": {"properties": {"strategy": {"const": name}}, "required": ["strategy"]},
                "then": {
                    "properties": {"parameters": _inlined(strategy.Parameters.model_json_schema())}
                },
            }
            for name, strategy in known.items()
        ]
        return schema

    @property
    def universe(self) -> list[str]:
        """Every symbol that may be held on some session, sorted: whose bars are needed."""
        return self.membership.candidates

    @property
    def limit_bounds(self) -> Mapping[str, Bound]:
        """The pre-trade limits in force, by name."""
        return self.limits.bounds(self.parameters, self.initial_capital, len(self.universe))

    def rule(self) -> Strategy[Any]:
        """The strategy with this portfolio's parameters."""
        return strategies()[self.strategy](self.parameters)

    def with_overrides(
        self, parameters: Mapping[str, Any], *, initial_capital: float | None = None, where: str
    ) -> "Portfolio":
        """The same portfolio with some numbers replaced, checked like a YAML of its own.

        Raises:
            ConfigurationRefused: An unknown name, or a value out of its bounds.
        """
        data = self.model_dump()
        data["parameters"] = {**data["parameters"], **parameters}
        if initial_capital is not None:
            data["initial_capital"] = initial_capital
        return portfolio_from(data, where=where)


def portfolio_from(data: Mapping[str, Any], *, where: str) -> Portfolio:
    """A checked portfolio from plain data.

    Raises:
        ConfigurationRefused: Names key, value and bound of everything that is wrong.
    """
    try:
        return Portfolio.model_validate(dict(data))
    except ValidationError as error:
        raise _refusal(error, data, where) from None


def _refusal(error: ValidationError, data: Mapping[str, Any], where: str) -> ConfigurationRefused:
    """Pydantic's findings as one error of ours."""
    wanted, received = [], []
    known = strategies().get(str(data.get("strategy")))
    keys = [field.alias or name for name, field in Portfolio.model_fields.items()]
    for finding in error.errors(include_url=False):
        path = [str(part) for part in finding["loc"]]
        if path and known is not None and path[0] not in {*keys, *data}:
            # The strategy's parameters were read on their own, without their place in the whole.
            path.insert(0, "parameters")
        if path[:2] == ["universe", "symbols"] and isinstance(data.get("universe"), list):
            del path[1]
        key = ".".join(path) or "the whole"
        message = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            message = f"one of {_known_keys(path, known, keys)}"
        wanted.append(f"{key}: {message}")
        value = finding["input"]
        received.append(f"{key} = {value!r}" if not isinstance(value, dict | BaseModel) else key)
    return ConfigurationRefused(
        "; ".join(wanted), "; ".join(received), where=where, remedy="Nothing was changed."
    )


def _known_keys(path: list[str], known: type[Strategy[Any]] | None, keys: list[str]) -> str:
    """What could have stood where an unknown key stands."""
    if path[0] == "universe":
        return ", ".join(keys_at(path[1:]))
    if path[0] == "monitors" and len(path) > 1:
        return f"the bounds {', '.join(MonitorBounds.model_fields)}"
    if path[0] == "limits":
        return f"the limits {', '.join(Limits.model_fields)}"
    if path[0] == "parameters" and known is not None:
        return f"the parameters {', '.join(known.Parameters.model_fields)}"
    return ", ".join(keys)


def _universe_schema(described: dict[str, Any]) -> dict[str, Any]:
    """The list or the mapping, chosen by type, so that an error names the key inside it."""
    whole = _inlined(Universe.model_json_schema())
    return {
        "type": ["array", "object"],
        "description": described.get("description", ""),
        "if": {"type": "array"},
        "then": {**whole["properties"]["symbols"], "title": "Symbols"},
        "else": whole,
    }


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without its ``$defs``: a branch of another schema cannot carry its own.

    A number or null becomes one schema of two types, so that an error names the bound and not
    "any of the given schemas".
    """
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(definitions[node["$ref"].rsplit("/", 1)[1]])
            found = {key: resolve(value) for key, value in node.items()}
            choices = found.get("anyOf", [])
            if len(choices) == 2 and choices[1] == {"type": "null"}:
                del found["anyOf"]
                kinds = choices[0]["type"]
                kinds = kinds if isinstance(kinds, list) else [kinds]
                found = {**choices[0], **found, "type": [*kinds, "null"]}
            return found
        return [resolve(item) for item in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved
