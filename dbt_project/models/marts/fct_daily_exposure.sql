with positions as (

    select
        environment,
        portfolio,
        session,
        count(*) filter (where quantity > 0) as long_count,
        count(*) filter (where quantity < 0) as short_count,
        sum(market_value_usd) filter (where quantity > 0) as long_usd,
        sum(market_value_usd) filter (where quantity < 0) as short_usd,
        max(abs(market_value_usd)) as largest_usd,
        arg_max(symbol, abs(market_value_usd)) as largest_symbol,
        count(*) filter (where mark_age_sessions > 0) as stale_marks_count
    from {{ ref('int_positions') }}
    group by environment, portfolio, session

),

held as (

    select
        snapshots.environment,
        snapshots.portfolio,
        snapshots.session,
        snapshots.nav_usd,
        snapshots.cash_usd,
        coalesce(positions.long_usd, 0) as long_usd,
        coalesce(positions.short_usd, 0) as short_usd,
        coalesce(positions.long_count, 0) as long_count,
        coalesce(positions.short_count, 0) as short_count,
        coalesce(positions.largest_usd, 0) as largest_usd,
        positions.largest_symbol,
        coalesce(positions.stale_marks_count, 0) as stale_marks_count,
        -- of a book that is worth nothing there is no multiple
        case when snapshots.nav_usd > 0 then cast(snapshots.nav_usd as double) end as base_usd
    from {{ ref('int_snapshots') }} as snapshots
    left join positions
        on
            snapshots.environment = positions.environment
            and snapshots.portfolio = positions.portfolio
            and snapshots.session = positions.session

)

select
    environment,
    portfolio,
    session,
    nav_usd,
    cash_usd,
    long_usd,
    short_usd,
    long_usd - short_usd as gross_usd,
    long_usd + short_usd as net_usd,
    cast(long_usd as double) / base_usd as long_exposure,
    cast(short_usd as double) / base_usd as short_exposure,
    cast(long_usd - short_usd as double) / base_usd as gross_exposure,
    cast(long_usd + short_usd as double) / base_usd as net_exposure,
    greatest(-cash_usd, 0) as borrowed_usd,
    long_count,
    short_count,
    largest_symbol,
    cast(largest_usd as double) / base_usd as largest_weight_frac,
    stale_marks_count
from held
