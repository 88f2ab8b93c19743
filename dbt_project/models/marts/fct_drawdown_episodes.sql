-- From a peak of the compounded returns to the first session back at it; deposits are no gain.
with levels as (

    select
        environment,
        portfolio,
        session,
        return_frac,
        row_number() over book as place,
        product(1 + return_frac) over book as level
    from {{ ref('fct_daily_performance') }}
    window book as (partition by environment, portfolio order by session)

),

peaks as (

    select
        *,
        greatest(1.0, max(level) over (partition by environment, portfolio order by session)) as peak
    from levels

),

falls as (

    select
        *,
        -- compounding back to a level leaves the noise of floats
        case when level < peak * (1 - 1e-12) then 1 - level / peak else 0.0 end as loss_frac
    from peaks

),

episodes as (

    select
        *,
        count(*) filter (where loss_frac = 0) over (
            partition by environment, portfolio order by session
        ) as episode
    from falls

),

summed as (

    select
        environment,
        portfolio,
        episode,
        max(session) filter (where loss_frac = 0) as peak_session,
        max(place) filter (where loss_frac = 0) as peak_place,
        max(loss_frac) as depth_frac,
        arg_max(session, loss_frac) as trough_session,
        arg_max(place, loss_frac) as trough_place,
        max(place) as last_place,
        max(session) as last_session
    from episodes
    group by environment, portfolio, episode
    having max(loss_frac) > 0

),

recovered as (

    select
        summed.*,
        levels.session as recovery_session
    from summed
    left join levels
        on
            summed.environment = levels.environment
            and summed.portfolio = levels.portfolio
            and summed.last_place + 1 = levels.place

)

select
    environment,
    portfolio,
    row_number() over (
        partition by environment, portfolio order by depth_frac desc, trough_session
    ) as depth_rank,
    depth_frac,
    peak_session,
    trough_session,
    recovery_session,
    cast(trough_place - coalesce(peak_place, 0) as bigint) as sessions_to_trough,
    cast(
        last_place - coalesce(peak_place, 0)
        + case when recovery_session is null then 0 else 1 end as bigint
    ) as sessions_count
from recovered
