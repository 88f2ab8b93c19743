"""Measures as Prometheus reads them: a text, a file for a textfile collector, or a small server.

Belongs here: the form of the text, and how it gets out. Stays out: what is measured
(``stages.metrics``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    generate_latest,
    start_http_server,
    write_to_textfile,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stocker_pipeline.domain.errors import InputRefused


@dataclass(frozen=True)
class Measure:
    """One name with its samples.

    Attributes:
        name: In snake_case with the unit last; a name that ends in ``_total`` only ever grows.
        help: What it is, with unit and sign, in one sentence.
        samples: Values by label; every sample has the same labels.
    """

    name: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float]]


Read = Callable[[], Iterable[Measure]]


class _Measured(Collector):
    """Asks for the measures at each scrape, so that none is older than it."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: else registering would read once more."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The measures as they are now."""
        return [_family(measure) for measure in self._read() if measure.samples]


def _family(measure: Measure) -> Metric:
    labels = list(measure.samples[0][0])
    kind = CounterMetricFamily if measure.name.endswith("_total") else GaugeMetricFamily
    family = kind(measure.name, measure.help, labels=labels)
    for values, number in measure.samples:
        family.add_metric([values[label] for label in labels], number)
    return family


def registry_of(read: Read) -> CollectorRegistry:
    """A registry of these measures alone; the process's own are left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measured(read))
    return registry


def exposition(read: Read) -> str:
    """The measures now, in Prometheus' text format."""
    return generate_latest(registry_of(read)).decode()


def write_textfile(path: Path, read: Read) -> None:
    """Write the measures into a file, whole or not at all: it is renamed into its place.

    Raises:
        InputRefused: The folder is not there, or cannot be written into.
    """
    try:
        write_to_textfile(str(path), registry_of(read))
    except OSError as error:
        raise InputRefused(
            "a path in a folder that can be written into, ending in .prom",
            error.strerror or type(error).__name__,
            where=str(path),
            remedy="Name the folder that the textfile collector reads.",
        ) from error


def serve(host: str, port: int, read: Read) -> tuple[WSGIServer, Thread]:
    """Answer scrapes in a thread until ``shutdown()`` of the server; port 0 = any that is free.

    Raises:
        InputRefused: The address cannot be listened at.
    """
    try:
        return start_http_server(port, addr=host, registry=registry_of(read))
    except OSError as error:
        raise InputRefused(
            "an address of this machine that is free",
            f"{host}:{port}: {error.strerror or type(error).__name__}",
            where="--serve",
            remedy="Name another port, or stop what listens there.",
        ) from error
