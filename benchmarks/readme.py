"""A benchmark's table in README.md, between two marks of its own; the rest stays as it is."""

from pathlib import Path

README = Path(__file__).parent / "README.md"


def write_table(benchmark: str, report: str) -> None:
    """Put a report in the place of the benchmark's last one.

    Args:
        benchmark: Name of its module.

    Raises:
        ValueError: README.md has no marks for it.
    """
    begins, ends = (
        f"<!-- written by benchmarks.{benchmark}, {mark} -->" for mark in ("begin", "end")
    )
    before, rest = README.read_text(encoding="utf-8").split(begins)
    _, after = rest.split(ends)
    README.write_text(f"{before}{begins}\n\n{report}\n\n{ends}{after}", encoding="utf-8")
