"""Are the bars as new as the exchange's calendar says they should be?"""

import dagster as dg

from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.freshness import freshness


@dg.asset_check(
    asset="raw_bars",
    description="Is the latest session that is over in the lake, for every symbol that is still "
    "traded? Late is measured from that session's close. In dev nothing is due.",
)
def latest_bars_are_here(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Compare what is there with what is due."""
    found = freshness(lake, SystemClock())
    late = [f"{symbol} (last {session})" for symbol, session in found.late_symbols.items()]
    return dg.AssetCheckResult(
        passed=found.fresh or Settings().env == "dev",
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "due": found.due.isoformat(),
            "latest": found.latest.isoformat() if found.latest else "no bar",
            "late_sessions": "all" if found.late_sessions is None else found.late_sessions,
            "late_minutes": int(found.late_by.total_seconds() // 60),
            "late_symbols": ", ".join(late) or "none",
        },
    )
