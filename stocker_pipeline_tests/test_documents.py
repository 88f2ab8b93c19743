"""Every command that a document tells a person to type is there, with the options it names."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from stocker_pipeline.cli import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_INLINE = re.compile(r"`((?:\.venv/bin/)?stocker [^`]+)`")
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^\s*(?:\$ )?((?:\.venv/bin/)?stocker .+)$", re.MULTILINE)


def written(text: str) -> Iterator[str]:
    """Commands of a document, in its sentences and in its blocks."""
    for block in _BLOCK.findall(text):
        yield from _LINE.findall(block.replace("\\\n", " "))
    for found in _INLINE.findall(_BLOCK.sub("", text)):
        yield " ".join(found.split())


def wrong(command: str) -> str:
    """What is not so of a command as it is written; empty where it can be typed."""
    words = shlex.split(command.partition("#")[0])[1:]
    # Typer brings a Click of its own: what has commands is a group.
    here: Any = typer.main.get_command(app)
    while hasattr(here, "commands"):
        if not words or words[0].startswith("-") or words[0] == "…":
            return ""
        name = words.pop(0)
        # Several at once: deposit|withdraw.
        found = [here.commands.get(one) for one in re.split(r"[|/]", name)]
        if not all(found):
            return f"there is no command {name}"
        here = found[0]
    known = {option: item for item in here.params for option in (*item.opts, *item.secondary_opts)}
    for word in words:
        option = word.strip("[]").partition("=")[0]
        if option.startswith("--") and option not in known:
            return f"{here.name} has no option {option}"
    return ""


def missing(command: str) -> str:
    """What has to be given and is not; a command that is only named is not typed."""
    words = shlex.split(command.partition("#")[0])[1:]
    here: Any = typer.main.get_command(app)
    while hasattr(here, "commands"):
        here = here.commands[re.split(r"[|/]", words.pop(0))[0]]
    if not words:
        return ""
    options = [item for item in here.params if item.param_type_name == "option"]
    lacks = [item.opts[0] for item in options if item.required and not set(item.opts) & set(words)]
    return f"{here.name} needs {', '.join(lacks)}" if lacks else ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_each_command_of_a_document_can_be_typed(path: Path) -> None:
    faults = {
        command: fault
        for command in written(path.read_text(encoding="utf-8"))
        if (fault := wrong(command))
    }
    assert faults == {}


def test_the_runbook_names_all_that_a_command_needs() -> None:
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    assert {command: found for command in written(text) if (found := missing(command))} == {}
    assert missing("stocker kill PORTFOLIO") == "kill needs --reason"


def test_a_command_that_is_not_there_is_found() -> None:
    assert wrong("stocker explode trend_paper") == "there is no command explode"
    assert wrong("stocker db backup FILE --force") == "backup has no option --force"
    text = "Type `stocker kil X`.\n\n```\n$ stocker alerts ack 1 --why x   # a comment\n```\n"
    assert [bool(wrong(command)) for command in written(text)] == [True, True]
    assert len(list(written((ROOT / "docs/runbook.md").read_text(encoding="utf-8")))) > 50
