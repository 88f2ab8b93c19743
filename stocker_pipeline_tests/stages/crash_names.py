"""Every crash point that the product's source names, read from the source itself."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import stocker_pipeline
from stocker_pipeline.gateways.brokers.simulated_store import TRANSACTIONS

_STAGES = ("open", "fills", "close")
_ANSWERS = ("answer", "lookup", "no_answer")
EXPANDED: Mapping[str, Sequence[str]] = {
    "*.lease.after": _STAGES,
    "*.done.before": _STAGES,
    "submit.*.before": _ANSWERS,
    "submit.*.after": _ANSWERS,
    "broker.*.before_commit": TRANSACTIONS,
    "broker.*.after_commit": TRANSACTIONS,
}
"""Names that are put together at run time → what stands in the gap."""

OF_WHOLE_DATABASES = ("ledger.backup.", "ledger.restore.", "ledger.migration.", "alerts.")
"""Beside the day; killed in the tests of the ledger and of the outbox."""
ELSEWHERE = tuple(
    f"broker.{transaction}.{moment}_commit"
    for transaction in ("cancel", "control")
    for moment in ("before", "after")
)
"""The day cancels nothing yet, and control is a test's hand; killed in ``test_simulated_store``."""


def written() -> set[str]:
    """Names and patterns as the source writes them; a gap is ``*``."""
    root = Path(stocker_pipeline.__file__).parent
    return {name for path in root.rglob("*.py") for name in _written_in(path)}


def _written_in(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if "crash_point(" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _called(node.func) == "crash_point":
            yield _name(node.args[0], path)


def _called(function: ast.expr) -> str:
    """The last word of what is called, however it was imported."""
    return str(getattr(function, "id", "") or getattr(function, "attr", ""))


def _name(argument: ast.expr, path: Path) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    assert isinstance(argument, ast.JoinedStr), f"{path}: a crash point without a plain name"
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "*" for part in argument.values
    )


def every_name() -> list[str]:
    """All of them, put together."""
    return sorted(
        name
        for pattern in written()
        for name in ([pattern.replace("*", gap) for gap in EXPANDED.get(pattern, ())] or [pattern])
    )


def names_of_the_day() -> list[str]:
    """Those that a day of a book comes by."""
    return [
        name
        for name in every_name()
        if not name.startswith(OF_WHOLE_DATABASES) and name not in ELSEWHERE
    ]


def names_of_whole_databases() -> list[str]:
    """Those of backup, restore and migration."""
    return [name for name in every_name() if name.startswith(OF_WHOLE_DATABASES)]
