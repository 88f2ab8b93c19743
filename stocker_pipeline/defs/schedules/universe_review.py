"""Once a month, before the open of its first session: the review of all universes."""

import dagster as dg

from stocker_pipeline.orchestration.schedules import first_session_of_month, session_schedule

universe_review_job = dg.define_asset_job(
    "universe_review_job",
    selection=["universe_review"],
    description="The review of every portfolio's universe for one session.",
)

# Bars of the evening before are in, and the session's own orders are decided half an hour later.
# Ticks up to the tenth make up for one that was missed; a month's first session is never later.
universe_review_schedule = session_schedule(
    "universe_review",
    job=universe_review_job,
    cron="30 7 1-10 * *",
    environments=("paper", "live"),
    decide=first_session_of_month,
    once_into=dg.AssetKey("universe_review"),
    description="On the first session of a month, 07:30: who joined and left each universe.",
)
