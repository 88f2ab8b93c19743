"""Every number that the gate compares with, in one frozen object, with its unit and bounds.

The defaults were chosen on real prices of three vendors; ``docs/data-quality.md`` gives the reason
of each. *Sigmas* are multiples of the bar's own scale: the symbol's volatility per session, known
before the bar, times how much wilder than usual the session was across the market.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stocker_pipeline.domain.portfolio import bounded

Sigmas = Annotated[float, bounded(gt=0, le=1000)]
Fraction = Annotated[float, bounded(gt=0, le=1)]
Sessions = Annotated[int, Field(ge=1, le=2520)]
Symbols = Annotated[int, Field(ge=2, le=10_000)]
Ratio = Annotated[float, bounded(gt=1, le=1e6)]


class Thresholds(BaseModel):
    """Bounds of the rules. A wider bound finds less and refuses less."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    hole_sessions_long: Sessions = Field(
        60, description="Sessions without a bar from which on the bars before are not believed."
    )
    history_sessions_min: Sessions = Field(
        200, description="Sessions in a row up to the last bar that a symbol should have."
    )

    volatility_sessions: Sessions = Field(
        60, description="Sessions over which volatility is taken."
    )
    volatility_sessions_fast: Sessions = Field(
        10, description="Sessions over which a recent rise of volatility is taken."
    )
    volatility_unknown: Fraction = Field(
        0.03, description="Volatility per session of a symbol too young to have one, a fraction."
    )
    stress_symbols_min: Symbols = Field(
        3, description="Symbols with a bar from which on the market's own wildness is taken."
    )
    stress_unknown: Annotated[float, bounded(ge=1, le=10)] = Field(
        1.25, description="What widens every bound where too few symbols tell, a multiple."
    )
    stress_max: Ratio = Field(
        5.0, description="Most by which a wild session widens every bound, a multiple."
    )

    move_min: Fraction = Field(
        0.005,
        description="Smallest displacement of an open or close that is a finding, a fraction.",
    )
    move_ticks_min: Annotated[float, bounded(ge=0, le=100)] = Field(
        3.0, description="The same of any price in cents, for shares of a few dollars."
    )
    close_sigmas: Sigmas = Field(
        4.0, description="A close this far beyond both the close before and the open after."
    )
    open_sigmas: Sigmas = Field(
        6.0, description="An open this far beyond both the close before and the close of its bar."
    )
    open_sigmas_extreme: Sigmas = Field(
        4.0, description="The same where the open is the high or the low of its bar."
    )
    doubt_part: Fraction = Field(
        0.625, description="Part of the three bounds above from which on a print is flagged."
    )
    wick_sigmas: Sigmas = Field(
        2.25, description="A high or low this far beyond both open and close of its bar."
    )
    wick_min: Fraction = Field(0.01, description="The same as a fraction of the price.")
    shift_sessions_max: Annotated[int, Field(ge=1, le=20)] = Field(
        5, description="Longest run of bars on a wrong level that comes back."
    )
    shift_sigmas: Sigmas = Field(
        6.0, description="Gap into and out of a run of two or more bars on a wrong level."
    )
    shift_min: Fraction = Field(0.10, description="The same as a fraction of the price.")
    last_sigmas: Sigmas = Field(
        20.0, description="Move of a symbol's last bar, which no later bar confirms yet."
    )
    last_min: Fraction = Field(0.15, description="The same as a fraction of the price.")

    gap_max: Fraction = Field(
        0.30, description="Largest gap from close to open without a corporate action, a fraction."
    )
    gap_sigmas: Sigmas = Field(
        4.5, description="A gap below this is within the symbol's own volatility: flagged only."
    )
    gap_business: Ratio = Field(
        3.0, description="Shares and dollars traded over the usual, from which on a gap is news."
    )
    split_min: Fraction = Field(
        0.05, description="Smallest split, as a move of the price, that prices can be asked about."
    )

    repeats_max: Fraction = Field(
        0.05, description="Share of unchanged closes above which repeated bars are usual."
    )
    repeats_market: Fraction = Field(
        0.5, description="Share of symbols that repeat the bar before, from which on all are wrong."
    )
    volume_ratio: Ratio = Field(
        40.0, description="Volume as a multiple, or part, of the symbol's usual volume."
    )
    volume_sigmas: Sigmas = Field(
        4.5, description="The same in mean deviations of the logarithm of volume."
    )

    adjusted_min: Fraction = Field(
        1e-4, description="Smallest unexplained step of adjusted/raw close, a fraction."
    )
    dividend_share: Fraction = Field(
        0.15, description="Part of a dividend by which the adjusted series may miss it."
    )
    dividend_intervals: Annotated[int, Field(ge=2, le=100)] = Field(
        6, description="Dividends at a steady pace that make the next one expected."
    )
    dividend_late: Ratio = Field(
        1.5, description="Pace after which an expected dividend is overdue, a multiple."
    )

    vendor_min: Fraction = Field(
        0.005, description="Difference of open or close to the reference, a fraction: flagged."
    )
    vendor_max: Fraction = Field(
        0.02, description="The same, from which on the less plausible of the two is refused."
    )
    vendor_range_min: Fraction = Field(
        0.01, description="Difference of high or low to the reference, a fraction: flagged."
    )
    vendor_volume_ratio: Ratio = Field(
        10.0, description="Volume as a multiple or part of the reference's: flagged."
    )
    vendor_sessions: Annotated[int, Field(ge=3, le=252)] = Field(
        21, description="Sessions over which a constant factor to the reference is its basis."
    )

    @model_validator(mode="after")
    def _bounds_between_thresholds(self) -> Self:
        pairs = [
            ("open_sigmas_extreme", "open_sigmas"),
            ("vendor_min", "vendor_max"),
            ("volatility_sessions_fast", "volatility_sessions"),
        ]
        for lower, upper in pairs:
            if getattr(self, lower) > getattr(self, upper):
                raise ValueError(
                    f"{lower} was {getattr(self, lower)}, above {upper} {getattr(self, upper)}"
                )
        return self


DEFAULTS = Thresholds()
