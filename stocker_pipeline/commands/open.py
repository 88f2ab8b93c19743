"""``stocker open``: the pages in the browser, from a server that only this machine can reach."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stocker_pipeline.commands.output import AsJson, err, out, print_json
from stocker_pipeline.domain.errors import ConfigurationRefused
from stocker_pipeline.stages.report_files import OPEN_PORT

if TYPE_CHECKING:
    from stocker_pipeline.commands.report_server import ReportServer
    from stocker_pipeline.stages.warehouse_docs import WarehouseDocs


def open_pages(
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help=f"Port; without it {OPEN_PORT}, or a free one where that is taken.",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    as_json: AsJson = False,
) -> None:
    """Serve the reports and the tables' documentation on this machine alone; Ctrl-C stops it."""
    import webbrowser

    from stocker_pipeline.settings import Settings
    from stocker_pipeline.stages.warehouse_docs import WarehouseDocs

    settings = Settings()
    docs = WarehouseDocs(settings.warehouse, settings.root / "dbt-docs", settings.lake_root)
    with _server(settings.reports, docs, port) as server:
        if as_json:
            print_json({"url": server.url, "reports": settings.reports})
        else:
            out.print(f"reports at [bold]{server.url}[/]  (Ctrl-C stops it)", soft_wrap=True)
        out.file.flush()
        if browser and not webbrowser.open(server.url):
            err.print("no browser could be opened: open the address yourself", soft_wrap=True)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            err.print("stopped")


def _server(reports: Path, docs: "WarehouseDocs", port: int | None) -> "ReportServer":
    from stocker_pipeline.commands.report_server import ReportServer

    try:
        return ReportServer(reports, docs, OPEN_PORT if port is None else port)
    except OSError as error:
        if port is None:
            return ReportServer(reports, docs, 0)
        raise ConfigurationRefused(
            "a port that is free and allowed",
            f"{port}: {error.strerror or error}",
            where="--port of stocker open",
            remedy="Leave it out, or name another one.",
        ) from error
