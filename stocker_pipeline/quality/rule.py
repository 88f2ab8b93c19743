"""What every rule is: a name, what it asks for, and one judgement."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import ClassVar

import numpy as np

from stocker_pipeline.quality import volatility
from stocker_pipeline.quality.findings import Finding, Severity, Treatment
from stocker_pipeline.quality.series import Series
from stocker_pipeline.quality.thresholds import Thresholds


class Scaled:
    """A series with its sigma, computed once for all rules that ask."""

    def __init__(self, series: Series, thresholds: Thresholds) -> None:
        self.series = series
        self.thresholds = thresholds

    @cached_property
    def sigma(self) -> np.ndarray:
        """One sigma of each bar as a log return, see ``volatility.scale``."""
        return volatility.scale(self.series, self.thresholds)

    def kept(self, rows: np.ndarray) -> "Scaled":
        """The series without the rows whose mask is False, each other row with its sigma."""
        kept = Scaled(self.series.kept(rows), self.thresholds)
        kept.sigma = self.sigma[rows]
        return kept

    def floor(self, smallest: float) -> np.ndarray:
        """Smallest displacement worth a finding, as a log return: that fraction, or some cents."""
        cents = self.thresholds.move_ticks_min / 100 / np.exp(self.series.log_close)
        return np.fmax(smallest, cents)


@dataclass(frozen=True)
class Found:
    """Rows of a series that break a rule, and what to say about each.

    Attributes:
        rows: Row numbers, ascending.
        evidence: The sentence about a row.
        day: The session a row's finding is about; None = the row's own.
    """

    rows: np.ndarray
    evidence: Callable[[int], str]
    day: Callable[[int], date] | None = None


class Rule(ABC):
    """One thing that may be wrong with a bar. It judges and never acts."""

    name: ClassVar[str]
    severity: ClassVar[Severity]
    treatment: ClassVar[Treatment]

    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds

    @property
    @abstractmethod
    def threshold(self) -> str:
        """The bound in words, with its number."""

    @abstractmethod
    def judge(self, scaled: Scaled) -> Found:
        """The rows of the series that break the rule."""

    def findings(self, series: Series, found: Found) -> list[Finding]:
        """One finding per row found."""
        return [
            Finding(
                series.names[series.code[row]],
                found.day(row) if found.day else series.days[row].item(),
                self.name,
                self.severity,
                found.evidence(row),
                self.threshold,
                self.treatment,
            )
            for row in found.rows.tolist()
        ]


class Quarantine(Rule):
    """A rule about prices that money reads: the open fills orders, the close marks and signals."""

    severity: ClassVar[Severity] = "error"
    treatment: ClassVar[Treatment] = "quarantined"


class Flag(Rule):
    """A rule about what is odd and moves no money by itself."""

    severity: ClassVar[Severity] = "warning"
    treatment: ClassVar[Treatment] = "flagged"


def beyond(log_price: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Signed distance of a log price outside the interval of two others; 0 inside, NaN unknown."""
    above = log_price - np.maximum(one, other)
    below = log_price - np.minimum(one, other)
    return np.where(above > 0, above, np.where(below < 0, below, above * 0.0))
