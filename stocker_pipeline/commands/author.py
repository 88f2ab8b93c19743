"""Who says so, and why: the two options of every command with which a person decides something."""

from typing import Annotated

import typer

from stocker_pipeline.domain.errors import InputRefused

Author = Annotated[
    str | None, typer.Option(help="Who decides; the name you are logged in with if left out.")
]
Reason = Annotated[str, typer.Option(help="Why, in words; it is kept.")]


def author_of(given: str | None) -> str:
    """The name that was given, else the one that the operating system knows the caller by.

    Raises:
        InputRefused: It is blank, or there is none.
    """
    return login_name() if given is None else words(given, "--author")


def login_name() -> str:
    """The name that the operating system knows the caller by.

    Raises:
        InputRefused: There is none.
    """
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise InputRefused(
            "the name of who decides",
            "none: the operating system does not know it",
            where="--author",
            remedy="Give --author.",
        ) from error


def words(text: str, where: str) -> str:
    """A text that says something.

    Raises:
        InputRefused: It is blank.
    """
    if not text.strip():
        raise InputRefused("some words", "none", where=where, remedy=f"Give {where}.")
    return text
