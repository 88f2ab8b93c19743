with source as (

    select * from {{ source('lake', 'fills') }}

)

select
    -- ids
    portfolio,
    session,
    symbol,

    -- numbers
    quantity,
    price as price_usd,
    commission as commission_usd,
    realised as realised_usd,
    cast(abs(quantity) as decimal(18, 0)) * price as notional_usd

from source
