"""Which files of a folder hold what: the two layouts known by name, and a mapping file for others.

docs/market-data-files.md describes them for users. Stays out: reading the files (``file_rows``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stocker_pipeline.domain.errors import ConfigurationRefused, InputRefused
from stocker_pipeline.domain.strict_yaml import StrictLoader
from stocker_pipeline.gateways.market_data.files import ENDINGS

MAPPING_FILE = "mapping.yaml"
_YAML_ENDINGS = (".yaml", ".yml")
_SIZE_LIMIT_BYTES = 1_000_000
_SAMPLE_DAY = date(2004, 11, 27)

Column = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, Field(min_length=1, pattern=r"^[^/\\]+$")]
"""A name in the folder. Without its ending it stands for whichever of the endings is there; with
``*`` for all files that match, in the order of their names."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BarColumns(_Model):
    """Names of a bar's columns; null = not there: the symbol is then the file's name."""

    symbol: Column | None = "symbol"
    session: Column = "session"
    open: Column = "open"
    high: Column = "high"
    low: Column = "low"
    close: Column = "close"
    volume: Column | None = "volume"
    adj_close: Column | None = None


class BarsFile(_Model):
    """The file of bars, one row per symbol and session."""

    file: FileName
    columns: BarColumns = BarColumns()
    optional: list[Literal["volume", "adj_close"]] = Field(
        [], description="Columns that may be absent; their values are then unknown."
    )


class EventColumns(_Model):
    """Names of the columns of a list of events."""

    symbol: Column | None = "symbol"
    session: Column = "date"
    action: Column = "action"
    value: Column = "value"


class EventsFile(_Model):
    """One row per event: its kind, and its ratio or amount."""

    form: Literal["events"]
    file: FileName
    columns: EventColumns = EventColumns()
    required: bool = Field(True, description="Whether the file must be there.")
    dividend: str = Field("dividend", description="How the action column calls a dividend.")
    split: str = Field("split", description="How the action column calls a split.")
    ignored: list[str] = Field([], description="Kinds of events to leave out.")


class WideColumns(_Model):
    """Names of the columns of a table of actions."""

    symbol: Column | None = "symbol"
    session: Column = "session"
    split: Column = "split"
    dividend: Column = "dividend"


class WideFile(_Model):
    """One row per symbol and ex-date with both numbers; it may be the file of bars itself."""

    form: Literal["columns"]
    file: FileName
    columns: WideColumns = WideColumns()
    required: bool = Field(True, description="Whether the file must be there.")


class Layout(_Model):
    """What the files of a folder are called, and how their cells are to be read."""

    bars: BarsFile
    actions: Annotated[EventsFile | WideFile, Field(discriminator="form")] | None = None
    source: str = Field(
        "files", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Who said so, in the lake's rows."
    )
    price_basis: Literal["as_traded", "split_adjusted", "auto"] = Field(
        "auto", description="What the vendor's prices are; auto = seen from them, per symbol."
    )
    date_format: str = Field(
        "%Y-%m-%d", description="Of dates written as text, in the codes of strptime."
    )
    volume_unit_shares: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1, description="Shares that one unit of the volume column stands for."
    )
    other_columns: Literal["refused", "ignored"] = "ignored"

    @field_validator("date_format")
    @classmethod
    def _format_of_a_date(cls, value: str) -> str:
        try:
            same = datetime.strptime(_SAMPLE_DAY.strftime(value), value).date() == _SAMPLE_DAY  # noqa: DTZ007
        except ValueError:
            same = False
        if not same:
            raise ValueError(f"date_format was {value!r}: wanted year, month and day, as %Y-%m-%d")
        return value

    @model_validator(mode="after")
    def _splits_to_undo_are_listed(self) -> Self:
        if self.price_basis == "split_adjusted" and (
            self.actions is None or not self.actions.required
        ):
            raise ValueError("price_basis split_adjusted needs the splits, in a required actions")
        return self


STOCKER = Layout(
    bars=BarsFile(file="bars", columns=BarColumns(adj_close="adj_close"), optional=["adj_close"]),
    actions=WideFile(form="columns", file="actions", required=False),
    price_basis="as_traded",
    other_columns="refused",
)
"""Stocker's own: ``bars`` and perhaps ``actions``."""

PRICES = Layout(
    bars=BarsFile(file="prices", columns=BarColumns(session="date", adj_close="adj_close")),
    actions=EventsFile(form="events", file="corporate_actions"),
)
"""``prices`` and ``corporate_actions``, one event per row."""

LAYOUTS: Mapping[str, Layout] = {"stocker": STOCKER, "prices": PRICES}


@dataclass(frozen=True)
class LaidOut:
    """A layout and the files it names.

    Attributes:
        bars: At least one.
        actions: Empty where the layout has none.
    """

    layout: Layout
    bars: tuple[Path, ...]
    actions: tuple[Path, ...]


def laid_out(path: Path) -> LaidOut:
    """The files behind a path, which is a folder, its mapping file, or its file of bars.

    A folder with a ``mapping.yaml`` is what that says; else the first layout whose bars are there.
    A file of another name is read as Stocker's own bars, with the ``actions`` beside it.

    Raises:
        InputRefused: There is no such file, no layout fits, or more than one does.
        ConfigurationRefused: The mapping file says what it may not.
    """
    if path.suffix.lower() in _YAML_ENDINGS:
        return _found(path.parent, _mapping(path))
    if path.is_dir():
        return _found(path, _layout_of_folder(path))
    if not path.is_file():
        _refuse(path, f"a folder, a {MAPPING_FILE} or a file of bars", "no such file")
    found = _found(path.parent, _layout_of_file(path))
    if found.bars != (path,):
        _refuse(
            path,
            f"the file of bars that the {MAPPING_FILE} beside it names",
            f"another file than {', '.join(file.name for file in found.bars)[:200]}",
            "Give the folder.",
        )
    return found


def _layout_of_folder(folder: Path) -> Layout:
    if (folder / MAPPING_FILE).is_file():
        return _mapping(folder / MAPPING_FILE)
    fitting = [layout for layout in LAYOUTS.values() if _files(folder, layout.bars.file)]
    if len(fitting) == 1:
        return fitting[0]
    names = " or ".join(layout.bars.file for layout in LAYOUTS.values())
    _refuse(
        folder,
        f"a {MAPPING_FILE}, or bars in a file called {names} ({', '.join(ENDINGS)})",
        "both" if fitting else "none of them",
        f"Give the file of bars itself, or a {MAPPING_FILE}.",
    )


def _layout_of_file(path: Path) -> Layout:
    if (path.parent / MAPPING_FILE).is_file():
        return _mapping(path.parent / MAPPING_FILE)
    layout = next((one for one in LAYOUTS.values() if one.bars.file == path.stem), STOCKER)
    bars = layout.bars.model_copy(update={"file": path.name})
    return layout.model_copy(update={"bars": bars})


def _found(folder: Path, layout: Layout) -> LaidOut:
    bars = _files(folder, layout.bars.file)
    if not bars:
        _refuse(folder, f"the file of bars, {layout.bars.file}", "no such file")
    if layout.actions is None:
        return LaidOut(layout, bars, ())
    actions = _files(folder, layout.actions.file)
    if layout.actions.required and not actions:
        _refuse(
            folder,
            f"the file of corporate actions, {layout.actions.file}",
            "no such file",
            f"Add it, or say in {MAPPING_FILE} that there is none (actions: null).",
        )
    return LaidOut(layout, bars, actions)


def _files(folder: Path, name: str) -> tuple[Path, ...]:
    if "*" in name:
        return tuple(sorted(path for path in folder.glob(name) if path.is_file()))
    if (folder / name).is_file():
        return (folder / name,)
    found = [path for ending in ENDINGS if (path := folder / (name + ending)).is_file()]
    if len(found) > 1:
        _refuse(
            folder,
            f"one file called {name}",
            ", ".join(path.name for path in found),
            "Keep one of them.",
        )
    return tuple(found)


def _mapping(path: Path) -> Layout:
    """The layout of a mapping file: a layout known by name (``like``), and what differs from it."""
    try:
        if path.stat().st_size > _SIZE_LIMIT_BYTES:
            raise ValueError(f"{path.stat().st_size:,} bytes")
        data = yaml.load(path.read_text(), StrictLoader)
        if not isinstance(data, dict):
            raise ValueError(f"a {type(data).__name__}")
    except (OSError, ValueError, yaml.YAMLError) as error:
        _refuse(path, "a readable YAML mapping", " ".join(str(error).split()))
    like = data.pop("like", None)
    if like is not None and like not in LAYOUTS:
        raise ConfigurationRefused(
            f"one of the layouts {', '.join(LAYOUTS)}",
            repr(like),
            where=f"{path}, key like",
            remedy="Correct it, or leave it out and name files and columns.",
        )
    start = LAYOUTS[like].model_dump() if like else {}
    try:
        return Layout.model_validate(start | data)
    except ValidationError as error:
        raise _wrong_mapping(error, path) from None


def _wrong_mapping(error: ValidationError, path: Path) -> ConfigurationRefused:
    found = error.errors(include_url=False)
    keys = [".".join(str(part) for part in one["loc"]) for one in found]
    wanted = [one["msg"].removeprefix("Value error, ") for one in found]
    return ConfigurationRefused(
        "; ".join(f"{key}: {rule}" for key, rule in zip(keys, wanted, strict=True)),
        "; ".join(f"{key} = {one['input']!r}"[:200] for key, one in zip(keys, found, strict=True)),
        where=str(path),
        remedy="See docs/market-data-files.md.",
    )


def _refuse(path: Path, wanted: str, received: str, remedy: str = "Check the path.") -> NoReturn:
    raise InputRefused(wanted, received, where=str(path), remedy=remedy)
