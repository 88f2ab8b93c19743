"""``stocker metrics``: the numbers of every book, as Prometheus reads them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stocker_pipeline.commands.output import escaped, out, say
from stocker_pipeline.commands.paper import environment_venue, settings_of
from stocker_pipeline.domain.errors import InputRefused

if TYPE_CHECKING:
    from stocker_pipeline.gateways.metrics import Measure

_PORTS = range(65_536)


def metrics(
    textfile: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write a file for a textfile collector.")
    ] = None,
    serve: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Answer scrapes until Ctrl-C; say 127.0.0.1:9464."),
    ] = None,
) -> None:
    """Print the metrics of every book now; or write them to a file, or serve them.

    They are read from the ledger and the lake at the moment they are asked for.
    """
    from stocker_pipeline.gateways import metrics as gateway

    if textfile is not None and serve is not None:
        raise InputRefused(
            "--textfile or --serve", "both", where="stocker metrics", remedy="Leave one out."
        )
    if textfile is not None:
        gateway.write_textfile(textfile, _read)
        say(f"written to {escaped(str(textfile))}")
    elif serve is not None:
        host, port = _address(serve)
        server, thread = gateway.serve(host, port, _read)
        say(f"metrics on http://{host}:{server.server_port}/metrics; Ctrl-C ends it")
        try:
            thread.join()
        except KeyboardInterrupt:
            server.shutdown()
            thread.join()
            server.server_close()
    else:
        out.file.write(gateway.exposition(_read))


def _read() -> "Iterable[Measure]":
    from stocker_pipeline.domain.session import SystemClock
    from stocker_pipeline.lake.lake import Lake
    from stocker_pipeline.stages.metrics import measures

    return measures(environment_venue(), Lake(settings_of().lake_root), SystemClock())


def _address(text: str) -> tuple[str, int]:
    """Host and port; without a host, this machine alone.

    Raises:
        InputRefused: It has no port, or one that is none.
    """
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) not in _PORTS:
        raise InputRefused(
            "HOST:PORT with a port up to 65535",
            repr(text),
            where="--serve",
            remedy="Write it like 127.0.0.1:9464.",
        )
    return host.strip("[]") or "127.0.0.1", int(port)
