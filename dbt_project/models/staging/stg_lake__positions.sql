with source as (

    select * from {{ source('lake', 'positions') }}

)

select
    -- ids
    portfolio,
    session,
    symbol,

    -- numbers
    quantity,
    mark as mark_usd,
    mark_age_sessions,
    cost as cost_usd,
    market_value as market_value_usd

from source
