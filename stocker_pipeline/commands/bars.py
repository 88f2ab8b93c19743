"""``stocker bars …``: what the lake knows about bars, and what a person decides about them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stocker_pipeline.commands.author import Author, login_name
from stocker_pipeline.commands.output import (
    AsJson,
    From,
    To,
    escaped,
    parsed_instant,
    parsed_range,
    print_json,
    say,
    shown_path,
)
from stocker_pipeline.domain.errors import InputRefused

if TYPE_CHECKING:
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.lake.schemas import Dataset
    from stocker_pipeline.stages.bars import BarHistory
    from stocker_pipeline.stages.review import Replacement

bars_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Bars in the lake, and verdicts about them."
)

_SESSIONS_SHOWN = 20
_SESSIONS_DRAWN = 252
_SYMBOLS_NAMED = 20
_NUMBERS = ("open", "high", "low", "close", "volume", "adj_close")

Symbol = Annotated[str, typer.Argument(metavar="SYMBOL")]
Symbols = Annotated[
    list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Every symbol if none is named.")
]
SessionDay = Annotated[str, typer.Argument(metavar="SESSION", help="The bar's date, YYYY-MM-DD.")]
Reason = Annotated[str, typer.Option(help="Why, in words; it is kept with the bar.")]
Number = Annotated[float | None, typer.Option()]


@bars_app.command()
def show(
    symbol: Symbol,
    start: From = None,
    end: To = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIMESTAMP", help="What was known and decided then.")
    ] = None,
    chart: Annotated[bool, typer.Option("--chart", help="Write a page with a chart.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a symbol's bars, actions, findings and verdicts: the last 20 sessions, or a range.

    Rows that its source sends and that are neither, such as a spin-off, are listed too.

    The chart draws the last 252 sessions, or the same range.
    """
    from stocker_pipeline.commands.bars_output import print_history
    from stocker_pipeline.lake.schemas import BARS
    from stocker_pipeline.stages.bars import history_of

    lake, instant = _lake(), parsed_instant(as_of, "--as-of")
    first, last = parsed_range(start, end)
    _refuse_unknown(lake, [symbol])
    rows = lake.read(BARS, symbols=[symbol], columns=["session"], as_of=instant)
    known: list[date] = rows["session"].to_pylist()
    tail = _first_of(known, first, last, _SESSIONS_SHOWN)
    history = history_of(lake, symbol, tail, last, instant)
    page = None
    if chart:
        begin = _first_of(known, first, last, _SESSIONS_DRAWN)
        drawn = history if begin == tail else history_of(lake, symbol, begin, last, instant)
        page = _write_chart(symbol, drawn, instant)
    tables = {
        name: getattr(history, name).to_pylist()
        for name in ("bars", "actions", "findings", "verdicts", "refused")
    }
    if as_json:
        of = {"symbol": symbol, "as_of": instant, "bars_known": len(known), "chart": page}
        print_json({**of, **tables})
        return
    print_history(symbol, tables, known, instant)
    if page is not None:
        say(f"chart  {escaped(shown_path(page))}")


@bars_app.command()
def review(
    symbols: Symbols = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Flagged bars too, which are traded on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what the quality gate found and nobody has answered, with the commands that answer it.

    Bars that are left out because of it; with --all the flagged ones too.
    """
    import pyarrow.compute as pc

    from stocker_pipeline.commands.answers import questions
    from stocker_pipeline.commands.bars_output import print_review
    from stocker_pipeline.stages.review import open_findings

    lake = _lake()
    _refuse_unknown(lake, symbols or [])
    found = open_findings(lake, symbols or None)
    quarantined = found.filter(pc.equal(found["treatment"], "quarantined"))
    chosen = found if everything else quarantined
    asked = questions(lake, chosen)
    count = {
        "quarantined_bars": sum(question.quarantined for question in asked),
        "quarantined_findings": quarantined.num_rows,
        "flagged_findings": found.num_rows - quarantined.num_rows,
    }
    if as_json:
        print_json({"open": [asdict(question) for question in asked], **count})
        return
    print_review(asked, count, flagged=everything)


@bars_app.command()
def accept(
    symbol: Symbol,
    session: SessionDay,
    reason: Reason,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Decide that a bar is right, whatever the rules say: it is traded on as it is."""
    _decide("accept", symbol, session, reason, author, as_json)


@bars_app.command()
def hold(
    symbol: Symbol,
    session: SessionDay,
    reason: Reason,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Leave a bar out until another verdict, even where no rule found anything."""
    _decide("hold", symbol, session, reason, author, as_json)


@bars_app.command()
def replace(
    symbol: Symbol,
    session: SessionDay,
    reason: Reason,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take the bar of this source.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(metavar="TIMESTAMP", help="Take the version known since then.")
    ] = None,
    open_: Annotated[float | None, typer.Option("--open")] = None,
    high: Number = None,
    low: Number = None,
    close: Number = None,
    volume: Number = None,
    adj_close: Number = None,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Trade on other numbers: of another source, of another version, or given here.

    Numbers that are not given stay as they are.
    """
    typed = dict(zip(_NUMBERS, (open_, high, low, close, volume, adj_close), strict=True))
    given = {name: value for name, value in typed.items() if value is not None}
    instant = parsed_instant(version, "--version")
    ways: list[Replacement] = [way for way in (source, instant, given or None) if way is not None]
    if len(ways) != 1:
        raise InputRefused(
            "one of --source, --version, or numbers such as --close",
            "none of them" if not ways else "more than one of them",
            where=f"verdict on {symbol} {session}",
            remedy="Say in one way where the right numbers come from.",
        )
    _decide("replace", symbol, session, reason, author, as_json, replacement=ways[0])


@bars_app.command("revisions")
def list_revisions(
    symbols: Symbols = None, start: From = None, end: To = None, as_json: AsJson = False
) -> None:
    """List every number of a bar that its source restated, or withdrew."""
    from stocker_pipeline.commands.bars_output import print_revisions
    from stocker_pipeline.stages.bars import revisions

    lake, (first, last) = _lake(), parsed_range(start, end)
    _refuse_unknown(lake, symbols or [])
    rows = revisions(lake, symbols or None, first, last).to_pylist()
    if as_json:
        print_json(rows)
        return
    print_revisions(rows)


@bars_app.command()
def compare(
    symbols: Symbols = None,
    start: From = None,
    end: To = None,
    tolerance_bps: Annotated[
        float, typer.Option(help="Leave out differences up to this, in 1/100 of a percent.")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """List the prices on which the bars and a reference source differ."""
    from stocker_pipeline.commands.bars_output import print_differences
    from stocker_pipeline.lake.schemas import REFERENCE_BARS
    from stocker_pipeline.stages.bars import vendor_differences

    if not 0 <= tolerance_bps < float("inf"):
        raise InputRefused(
            "a finite tolerance of 0 basis points or more",
            repr(tolerance_bps),
            where="--tolerance-bps",
            remedy="Give 0 to see every difference.",
        )
    lake, (first, last) = _lake(), parsed_range(start, end)
    _refuse_unknown(lake, symbols or [])
    span: dict[str, Any] = {"symbols": symbols or None, "first": first, "last": last}
    rows = vendor_differences(lake, **span, tolerance_bps=tolerance_bps).to_pylist()
    if as_json:
        print_json(rows)
        return
    compared = lake.read(REFERENCE_BARS, **span, columns=["symbol"]).num_rows
    print_differences(rows, compared, tolerance_bps)


@bars_app.command("export")
def export_bars(
    bars: Annotated[Path, typer.Option(help="Parquet file to write.")],
    actions: Annotated[Path, typer.Option(help="Parquet file to write.")],
) -> None:
    """Write the bars and actions that strategies see as the files that `simulate` reads."""
    import pyarrow.parquet as pq

    from stocker_pipeline.stages.market import current_bars

    seen = current_bars(_lake())
    for table, path in ((seen.bars, bars), (seen.actions, actions)):
        pq.write_table(table.drop_columns(["source", "known_at"]), path)
        say(f"{table.num_rows:,} rows in {escaped(str(path))}")
    if seen.excluded.num_rows:
        say(f"{seen.excluded.num_rows:,} bars left out: quarantined or held")


def _decide(
    kind: str,
    symbol: str,
    session: str,
    reason: str,
    author: str | None,
    as_json: bool,
    *,
    replacement: "Replacement | None" = None,
) -> None:
    from stocker_pipeline.commands.bars_output import print_verdict
    from stocker_pipeline.domain.session import parsed_date
    from stocker_pipeline.lake.schemas import VERDICTS
    from stocker_pipeline.stages.review import decide

    lake, day = _lake(), parsed_date(session, where="SESSION")
    by = login_name() if author is None else author
    decided = decide(lake, symbol, day, kind, author=by, reason=reason, replacement=replacement)
    # The same verdict again is not stored: tell the one that stands.
    (verdict,) = lake.read(VERDICTS, symbols=[symbol], first=day, last=day).to_pylist()
    still_open = decided.open_findings.to_pylist()
    audited = _audited(verdict)
    if as_json:
        print_json({"verdict": verdict, "open": still_open, "audited": audited})
    else:
        print_verdict(verdict, still_open)


def _audited(verdict: dict[str, Any]) -> bool:
    """Put the verdict into the audit log, where there is a ledger."""
    from stocker_pipeline.commands.paper import environment_venue
    from stocker_pipeline.ledger.engines import ledger_url, sqlite_file
    from stocker_pipeline.stages.audit import put_verdict

    venue = environment_venue()
    target = ledger_url(venue.ledger_url)
    if target.get_backend_name() == "sqlite" and not sqlite_file(target).exists():
        return False
    with venue.ledger() as ledger:
        put_verdict(ledger, verdict)
    return True


def _lake() -> "Lake":
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.settings import Settings

    return Lake(Settings().lake_root)


def _refuse_unknown(lake: "Lake", symbols: Sequence[str]) -> None:
    """A symbol that is written wrong must not read like one about which all is well."""
    from stocker_pipeline.lake.schemas import BARS, FINDINGS, REFERENCE_BARS

    tables = (BARS, FINDINGS, REFERENCE_BARS)
    known = _symbols(lake, tables, symbols) if symbols else set()
    unknown = [symbol for symbol in symbols if symbol not in known]
    if unknown:
        there = sorted(_symbols(lake, tables, None))
        some = ", ".join(there[:_SYMBOLS_NAMED]) + (", …" if len(there) > _SYMBOLS_NAMED else "")
        raise InputRefused(
            f"a symbol that the lake has: {some or 'there is none yet'}",
            ", ".join(unknown),
            where="SYMBOL",
            remedy="Correct it, or bring its bars with stocker ingest.",
        )


def _symbols(lake: "Lake", tables: Sequence["Dataset"], symbols: Sequence[str] | None) -> set[str]:
    found: set[str] = set()
    for dataset in tables:
        rows = lake.read(dataset, symbols=symbols, columns=["symbol"])
        found |= set(rows["symbol"].unique().to_pylist())
    return found


def _first_of(
    known: Sequence[date], first: date | None, last: date | None, sessions: int
) -> date | None:
    """The first session of a range whose beginning may be left open: the last so many known."""
    if first is not None:
        return first
    until = [day for day in known if last is None or day <= last]
    return until[-sessions] if len(until) > sessions else None


def _write_chart(symbol: str, history: "BarHistory", as_of: datetime | None) -> Path:
    from stocker_pipeline.analytics.bars_chart import bars_page
    from stocker_pipeline.settings import Settings

    page = bars_page(
        symbol,
        bars=history.bars,
        actions=history.actions,
        findings=history.findings,
        verdicts=history.verdicts,
        as_of=as_of,
    )
    path = Settings().reports / "bars" / f"{symbol}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)
    return path
