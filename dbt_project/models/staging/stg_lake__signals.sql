with source as (

    select * from {{ source('lake', 'signals') }}

)

select
    -- ids
    portfolio,
    session,
    symbol,

    -- signal
    bars as bars_count,
    momentum,
    direction,
    vol as volatility_frac,
    weight as weight_frac,
    reason as signal_reason

from source
