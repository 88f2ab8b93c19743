"""How good the gate is: recall and precision on known defects of real prices, and on planted ones.

``python -m stocker_pipeline_tests.quality.scorecard`` prints the tables of docs/data-quality.md.
Needs the real prices beside the repository.
"""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stocker_pipeline.quality.rule import Rule
from stocker_pipeline.quality.thresholds import DEFAULTS
from stocker_pipeline_tests.quality.clean_market import Market, clean_market
from stocker_pipeline_tests.quality.injection import KINDS, SMALL, injected
from stocker_pipeline_tests.quality.real_sets import (
    LEAN,
    SETS,
    YAHOO,
    only,
    real_set,
    second_vendor,
)
from stocker_pipeline_tests.quality.verdicts import judged, keys, rows

_VENDORS = {"vendors_disagree", "vendors_differ"}
_RANGE = {"bar_shifted", "open_print", "doubtful_open", "close_spike", "doubtful_close"}
ANSWERS = {
    "bad_open": {"open_print", "doubtful_open", "bar_shifted", *_VENDORS},
    "bad_close": {"close_spike", "doubtful_close", "bar_shifted", *_VENDORS},
    "bad_high": {"high_print", *_RANGE, *_VENDORS},
    "bad_low": {"low_print", *_RANGE, *_VENDORS},
    "bar_shifted": {"bar_shifted", *_VENDORS},
    "repeated": {"repeated_bar", "copied_bar"},
    "zero_volume": {"zero_volume"},
    "bad_volume": {"volume_units", "vendors_differ_volume"},
    "bad_adjusted": {"adjusted_step", "vendors_differ_dividend"},
    "missing_dividend": {"dividend_overdue", "vendors_differ_dividend"},
    "missing_split": {"unexplained_gap"},
    "other_security": {"other_security_before"},
}
"""Kind of defect → rules whose finding on the bar counts as found."""
SIZES = (10.0, 5.0, 3.0, 1.0)
"""Lower edges of the classes of size, percent."""


@dataclass(frozen=True)
class Known:
    """A defect of the table: where, what, how large, and how it is known."""

    set: str
    symbol: str
    session: date
    field: str
    kind: str
    size_pct: float | None
    proof: str

    @property
    def label(self) -> str:
        """Kind and class of size."""
        if self.kind not in ("bad_open", "bad_close", "bad_high", "bad_low"):
            return self.kind
        if self.size_pct is None:
            return f"{self.kind} (size unknown)"
        edges = (1000.0, *SIZES)
        lower = next(edge for edge in SIZES if self.size_pct >= edge)
        upper = edges[edges.index(lower) - 1]
        return f"{self.kind} {lower:g}–{upper:g}%" if upper < 1000 else f"{self.kind} ≥ {lower:g}%"


@cache
def known_defects() -> tuple[Known, ...]:
    """The table beside this file."""
    with (Path(__file__).parent / "known_defects.csv").open() as lines:
        return tuple(
            Known(
                row["set"],
                row["symbol"],
                date.fromisoformat(row["session"]),
                row["field"],
                row["kind"],
                float(row["size_pct"]) if row["size_pct"] else None,
                row["proof"],
            )
            for row in csv.DictReader(lines)
        )


@cache
def verdict(name, *, with_reference=False) -> pa.Table:
    """The gate's findings about a real set."""
    reference = second_vendor(name) if with_reference else None
    return judged(real_set(name), reference=reference)


def is_found(defect, findings_at) -> bool:
    """Whether a rule for its kind found it; a dividend counts within a week."""
    reach = 7 if defect.kind == "missing_dividend" else 0
    days = [defect.session + timedelta(days=shift) for shift in range(-reach, reach + 1)]
    return any(ANSWERS[defect.kind] & findings_at[defect.symbol, day] for day in days)


def rule_kinds() -> list[type[Rule]]:
    """Every rule class of the gate, in the order of its modules."""
    open_ones, found = [Rule], []
    while open_ones:
        kind = open_ones.pop()
        open_ones += reversed(kind.__subclasses__())
        if isinstance(getattr(kind, "name", None), str):
            found.append(kind)
    return sorted(found, key=lambda kind: (kind.__module__, kind.treatment != "quarantined"))


def catalogue() -> list[str]:
    """Markdown: every rule, what it asks for at the default thresholds, and what follows."""
    lines = ["| rule | what is wrong | bound | severity | treatment |", "|---|---|---|---|---|"]
    for kind in rule_kinds():
        rule = kind.__new__(kind)
        rule.thresholds = DEFAULTS
        first = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        lines.append(
            f"| {kind.name} | {first} | {rule.threshold} | {kind.severity} | {kind.treatment} |"
        )
    return lines


def bounds() -> list[str]:
    """Markdown: every threshold with its default."""
    lines = ["| threshold | default | meaning |", "|---|--:|---|"]
    for name, field in type(DEFAULTS).model_fields.items():
        lines.append(f"| {name} | {field.default:g} | {field.description} |")
    return lines


def recall() -> list[str]:
    """Markdown: found of known, alone and with a second vendor, by kind and size."""
    alone, beside, all_of = Counter(), Counter(), Counter()
    for name in SETS:
        both = [_by_bar(verdict(name, with_reference=flag)) for flag in (False, True)]
        for defect in known_defects():
            # What was judged after a rule had pointed at it says nothing about recall.
            if defect.set != name or defect.proof == "judged":
                continue
            all_of[defect.label] += 1
            alone[defect.label] += is_found(defect, both[0])
            beside[defect.label] += is_found(defect, both[1])
    lines = ["| defect | known | found alone | found with a second vendor |", "|---|--:|--:|--:|"]
    large = [label for label in all_of if "1–3%" not in label]
    totals = {"**all**": list(all_of), "**all but prints less than 3% off**": large}
    groups = {label: [label] for label in sorted(all_of, key=_order)} | totals
    for title, labels in groups.items():
        whole, one, two = (sum(part[label] for label in labels) for part in (all_of, alone, beside))
        lines.append(f"| {title} | {whole} | {_share(one, whole)} | {_share(two, whole)} |")
    return lines


def precision() -> list[str]:
    """Markdown: per rule, findings without a second vendor that one can confirm."""
    counts = defaultdict(Counter)
    for name in SETS:
        kinds = defaultdict(set)
        for defect in known_defects():
            # A bar looked at because a rule pointed at it confirms no rule.
            if defect.set == name and defect.proof != "judged":
                for day in _days(defect):
                    kinds[defect.symbol, day].add(defect.kind)
        covered = set(
            zip(
                second_vendor(name)["symbol"].to_pylist(),
                second_vendor(name)["session"].to_pylist(),
                strict=True,
            )
        )
        for row in rows(verdict(name)):
            bar = (row["symbol"], row["session"])
            rule = row["rule"]
            answered = {kind for kind, rules in ANSWERS.items() if rule in rules}
            right = bool(answered & kinds[bar])
            counts[rule]["all"] += 1
            counts[rule]["right"] += right
            counts[rule]["wrong"] += bool(answered) and not right and bar in covered
    lines = [
        "| rule | findings | confirmed | contradicted | nobody can say | precision |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    ordered = sorted(counts, key=lambda name: -counts[name]["all"])
    counts["**all**"] = sum(counts.values(), Counter())
    for rule in (*ordered, "**all**"):
        one = counts[rule]
        judged_ones = one["right"] + one["wrong"]
        share = f"{one['right'] / judged_ones:.0%}" if judged_ones else "–"
        unknown = one["all"] - judged_ones
        lines.append(
            f"| {rule} | {one['all']} | {one['right']} | {one['wrong']} | {unknown} | {share} |"
        )
    return lines


def refused() -> list[str]:
    """Markdown: every bar that the gate quarantines in the real sets without a second vendor."""
    lines = ["| set | symbol | session | rule | known as |", "|---|---|---|---|---|"]
    for name in SETS:
        known = defaultdict(list)
        for defect in known_defects():
            if defect.set == name:
                known[defect.symbol, defect.session].append(f"{defect.kind} ({defect.proof})")
        for row in rows(verdict(name), treatment="quarantined"):
            why = ", ".join(sorted(set(known[row["symbol"], row["session"]]))) or "not known"
            lines.append(f"| {name} | {row['symbol']} | {row['session']} | {row['rule']} | {why} |")
    return lines


def planted(count, kinds) -> list[str]:
    """Markdown: share of planted defects found and refused, and clean bars refused with them."""
    generated = [clean_market(seed, symbols=8, sessions=400) for seed in range(4)]
    real = [_years(real_set(YAHOO), 2013, 2016, ("SPY", "QQQ", "EEM", "TLT", "GLD", "HYG", "EWJ"))]
    real.append(
        _years(real_set(LEAN), 2015, 2019, ("AAPL", "AIG", "BAC", "FB", "GOOGL", "IBM", "WM"))
    )
    columns = [planted_shares(markets, count, kinds) for markets in (generated, real)]
    heads = ("found, generated", "refused", "found, real", "refused", "clean bars refused")
    lines = [f"| planted defect | {' | '.join(heads)} |", "|---|--:|--:|--:|--:|--:|"]
    for kind in kinds:
        one, two = (column[kind] for column in columns)
        may = kind in SMALL or KINDS[kind].refuse
        refuse = [f"{share.refused:.0%}" if may else "–" for share in (one, two)]
        lines.append(
            f"| {kind} | {one.found:.0%} | {refuse[0]} | {two.found:.0%} | {refuse[1]} |"
            f" {one.innocent + two.innocent} |"
        )
    return lines


@dataclass(frozen=True)
class Shares:
    """What became of the planted defects of one kind."""

    found: float
    refused: float
    innocent: int


def planted_shares(markets, count, kinds=tuple(KINDS)) -> dict[str, Shares]:
    """Plant each kind ``count`` times, one at a time, into the markets in turn."""
    before = [_rule_keys(judged(market)) for market in markets]
    out = {}
    for kind in kinds:
        found = stopped = innocent = 0
        for seed in range(count):
            place = seed % len(markets)
            spoilt, symbol, day = injected(markets[place], kind, seed)
            findings = judged(spoilt)
            new = _rule_keys(findings) - before[place]
            found += any(key[:2] == (symbol, day) for key in new)
            stops = keys(findings, treatment="quarantined")
            stopped += (symbol, day) in stops
            harmed = {key[:2] for key in new} & stops
            innocent += len(harmed - _near(spoilt, kind, symbol, day))
        out[kind] = Shares(found / count, stopped / count, innocent)
    return out


def _near(market, kind, symbol, day) -> set[tuple[str, str]]:
    """The bars that the defect itself spans."""
    length = 3 if kind.startswith("three bars") else 1
    sessions = market.bars.filter(pc.equal(market.bars["symbol"], symbol))["session"].to_pylist()
    days = [str(one) for one in sessions]
    first = days.index(day) if day in days else 0
    return {(symbol, one) for one in days[first : first + length]} | {(symbol, day)}


def _rule_keys(findings) -> set[tuple[str, str, str]]:
    return {(row["symbol"], str(row["session"]), row["rule"]) for row in rows(findings)}


def _years(market, first, last, symbols) -> Market:
    session = pc.year(market.bars["session"])
    inside = pc.and_(pc.greater_equal(session, first), pc.less_equal(session, last))
    bars = market.bars.filter(inside)
    return only(replace(market, bars=bars, calendar_last=pc.max(bars["session"]).as_py()), symbols)


def _by_bar(findings) -> defaultdict[tuple[str, date], set[str]]:
    found = defaultdict(set)
    for row in rows(findings):
        found[row["symbol"], row["session"]].add(row["rule"])
    return found


def _days(defect) -> list[date]:
    reach = 7 if defect.kind == "missing_dividend" else 0
    return [defect.session + timedelta(days=shift) for shift in range(-reach, reach + 1)]


def _order(label) -> tuple[str, float]:
    kind, _, size = label.partition(" ")
    number = "".join(char for char in size.split("–")[0] if char.isdigit())
    return kind, -float(number or 0)


def _share(part, whole) -> str:
    return f"{part} ({part / whole:.0%})"


def main() -> None:
    """Print every table."""
    for title, lines in (
        ("Rules", catalogue()),
        ("Thresholds", bounds()),
        ("Recall on known defects", recall()),
        ("Precision by rule", precision()),
        ("Bars refused", refused()),
        ("Planted defects", planted(60, tuple(KINDS))),
        ("Planted prints by size", planted(60, tuple(SMALL))),
    ):
        print(f"\n### {title}\n")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
