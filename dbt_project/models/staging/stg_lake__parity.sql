with source as (

    select * from {{ source('lake', 'parity') }}

)

select
    -- ids
    portfolio,
    session,

    -- money in dollars
    nav as nav_usd,
    backtest_nav as backtest_nav_usd,
    gap as gap_usd,
    gap_data as gap_data_usd,
    gap_timing as gap_timing_usd,
    gap_price as gap_price_usd,
    gap_overrides as gap_overrides_usd,
    gap_missed_trades as gap_missed_trades_usd,
    gap_rounding as gap_rounding_usd

from source
