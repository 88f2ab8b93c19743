"""``stocker compare``: books side by side, as a page and as a table."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.output import AsJson, out, print_json, print_table, shown_path
from stocker_pipeline.domain.errors import ConfigurationRefused

if TYPE_CHECKING:
    from stocker_pipeline.analytics.comparison import ComparedBook, Comparison
    from stocker_pipeline.settings import Settings

_SHOWN = (
    "max_drawdown",
    "max_drawdown_sessions",
    "worst_12_months",
    "volatility",
    "total_return",
    "cagr",
    "sharpe",
    "sortino",
    "calmar",
)


def compare(
    books: Annotated[
        list[str],
        typer.Argument(
            metavar="PORTFOLIO|RUN|FOLDER …",
            help="Portfolios, ids of Dagster runs of backtests, or folders of stocker simulate.",
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="Page to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare books over the sessions that all have: what differs, metrics, equity curves."""
    from stocker_pipeline.settings import Settings

    found, page = write_comparison(Settings(), books, output)
    if as_json:
        print_json(_answer(found, page))
    else:
        _print(found)
        out.print(f"comparison  {shown_path(page)}", soft_wrap=True)


def write_comparison(
    settings: "Settings", books: list[str], output: Path | None = None
) -> "tuple[Comparison, Path]":
    """Write the page of some books.

    Raises:
        InputRefused, ConfigurationRefused, BookRefused: One of them is not there, or they have no
            session in common.
    """
    from stocker_pipeline.analytics.comparison import Comparison, comparison_page
    from stocker_pipeline.stages.report_compare import comparison_path
    from stocker_pipeline.stages.report_files import write_page

    found = Comparison([_book(settings, text) for text in books])
    labels = [book.label for book in found.books]
    page = output or comparison_path(settings.reports, labels)
    return found, write_page(page, comparison_page(found))


def _book(settings: "Settings", text: str) -> "ComparedBook":
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names
    from stocker_pipeline.stages.report_compare import (
        RunBook,
        book_of_backtest,
        book_of_folder,
        book_of_ledger,
    )
    from stocker_pipeline.stages.trading import Venue

    lake = Lake(settings.lake_root)
    if text in portfolio_names():
        portfolio = named_portfolio(text)
        if portfolio.mode == "paper":
            venue = Venue(settings.env, settings.ledger, settings.accounts)
            return book_of_ledger(venue, lake, text, portfolio)
        return book_of_backtest(lake, RunBook(text, text, portfolio, {}, {}))
    if Path(text).is_dir():
        return book_of_folder(Path(text))
    if _is_run_id(text):
        from stocker_pipeline.orchestration import runs
        from stocker_pipeline.orchestration.run_books import run_book

        with runs.instance(settings) as opened:
            run = run_book(opened, text)
        return book_of_backtest(lake, run)
    raise ConfigurationRefused(
        f"a portfolio ({', '.join(portfolio_names())}), the id of a Dagster run, or a folder that "
        "stocker simulate wrote",
        repr(text),
        where="stocker compare",
        remedy="Correct the name; stocker runs lists ids.",
    )


def _is_run_id(text: str) -> bool:
    """Whether it may be an id, or the first digits of one."""
    return re.fullmatch(r"[0-9a-f]{8}[0-9a-f-]{0,28}", text) is not None


def _answer(found: "Comparison", page: Path) -> dict[str, Any]:
    from stocker_pipeline.analytics.wording import metrics_values

    return {
        "report": page,
        "first": found.first,
        "last": found.last,
        "sessions": len(found.sessions),
        "differs": [row.name for row in found.facts() if row.differs],
        "correlations": found.correlations(),
        "books": [
            {
                "label": book.label,
                "kind": book.kind,
                "facts": book.facts,
                "metrics": metrics_values(metrics),
                "own_metrics": metrics_values(book.own),
            }
            for book, metrics in zip(found.books, found.metrics, strict=True)
        ],
    }


def _print(found: "Comparison") -> None:
    from stocker_pipeline.analytics.wording import metric_text

    labels = [book.label for book in found.books]
    fields = type(found.metrics[0]).model_fields
    rows = [
        {"": fields[name].title or name}
        | {
            label: metric_text(metrics, name)
            for label, metrics in zip(labels, found.metrics, strict=True)
        }
        for name in _SHOWN
    ]
    print_table(
        f"{found.first} to {found.last}, {len(found.sessions):,} sessions that all have",
        rows,
        right=labels,
    )
    differs = [row for row in found.facts() if row.differs]
    print_table(
        "what differs",
        [{"": row.name} | dict(zip(labels, row.values, strict=True)) for row in differs],
    )
