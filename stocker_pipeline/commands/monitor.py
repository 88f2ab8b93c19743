"""``stocker monitor``: every monitor of a book, now and without Dagster."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.operate import FOUND_EXIT_CODE
from stocker_pipeline.commands.output import AsJson, counted, escaped, print_json, say
from stocker_pipeline.commands.paper import venue_of

if TYPE_CHECKING:
    from stocker_pipeline.stages.monitor import Judged

Portfolio = Annotated[str, typer.Argument(help="A portfolio with mode paper.")]
_COLOURS = {"raised": "red", "failed": "red", "clear": "green", "not_judged": "yellow"}


def monitor(portfolio: Portfolio, as_json: AsJson = False) -> None:
    """Judge a book with every monitor; what is raised tightens the control state and is told.

    The same again does nothing more. Exit code 7 where something is raised, or a monitor failed.
    """
    from stocker_pipeline.stages.monitor import watch

    venue, chosen, lake = venue_of(portfolio)
    found = watch(venue, lake, portfolio, chosen)
    with venue.ledger() as ledger:
        state = ledger.read(lambda r: r.control(portfolio)).state
    wrong = sum(item.raised for item in found)
    if as_json:
        print_json(
            {
                "portfolio": portfolio,
                "state": state.value,
                "raised": wrong,
                "monitors": [_row(item) for item in found],
            }
        )
    else:
        for item in found:
            did = f"  → {item.done}" if item.done else ""
            found_word = f"[{_COLOURS[item.word]}]{item.word}[/]"
            words = escaped(item.verdict.sentence + did)
            say(f"{found_word}  {item.monitor}  {item.session or '–'}  {words}")
        said = f"[red]{counted(wrong, 'monitor')} raised[/]" if wrong else "nothing is raised"
        say(f"{counted(len(found), 'verdict')} on {portfolio}: {said}; the portfolio is {state}")
    if wrong:
        raise typer.Exit(FOUND_EXIT_CODE)


def _row(item: "Judged") -> dict[str, Any]:
    verdict = item.verdict
    return {
        "monitor": item.monitor,
        "session": item.session,
        "finding": item.word,
        "measured": verdict.measured,
        "bound": verdict.bound,
        "sentence": verdict.sentence,
        "action": verdict.action.value,
        "done": item.done,
    }
