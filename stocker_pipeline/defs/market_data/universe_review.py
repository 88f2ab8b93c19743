"""What a person should know about each portfolio's universe, on the session asked for."""

from datetime import date

import dagster as dg

from stocker_pipeline.domain.session import SystemClock
from stocker_pipeline.lake.lake import Lake
from stocker_pipeline.orchestration.asset_specs import MARKET_DATA_OWNERS, MARKET_GROUP
from stocker_pipeline.orchestration.partitions import session_partitions
from stocker_pipeline.settings import Settings
from stocker_pipeline.stages.portfolios import named_portfolio, portfolio_names
from stocker_pipeline.stages.universe_review import (
    review_text,
    review_universes,
    write_reviews,
)


@dg.definitions
def universe_review_asset() -> dg.Definitions:
    """One page for all portfolios; a schedule asks for it on the first session of a month."""
    first, today = Settings().first_session, SystemClock().now().date()

    @dg.asset(
        deps=["raw_bars", "instruments"],
        group_name=MARKET_GROUP,
        owners=MARKET_DATA_OWNERS,
        kinds={"python"},
        description="Who joined and left each portfolio's universe since the month before, who "
        "breaks a bound, cannot be traded or has no recent bar, and how members spread over "
        "sectors.",
        partitions_def=session_partitions(first, today),
    )
    def universe_review(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult:
        session = date.fromisoformat(context.partition_key)
        portfolios = {name: named_portfolio(name) for name in portfolio_names()}
        reviews = review_universes(lake, portfolios, session)
        target = Settings().reports / "universe" / f"{session}.txt"
        page, numbers = write_reviews(reviews, target)
        heads = [
            f"**{head}**\n\n- " + "\n- ".join(rest) for head, *rest in map(review_text, reviews)
        ]
        return dg.MaterializeResult(
            metadata={
                "review": dg.MetadataValue.md("\n\n".join(heads)),
                "members": {each.portfolio: each.members for each in reviews},
                "text": dg.MetadataValue.path(page),
                "numbers": dg.MetadataValue.path(numbers),
            }
        )

    return dg.Definitions(assets=[universe_review])
