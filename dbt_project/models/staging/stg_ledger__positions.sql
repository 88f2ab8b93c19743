with source as (

    select * from {{ source('ledger', 'positions') }}

)

select
    -- ids
    portfolio,
    session,
    version,
    symbol,

    -- numbers
    quantity,
    mark as mark_usd,
    mark_age_sessions,
    cost as cost_usd,
    market_value as market_value_usd

from source
