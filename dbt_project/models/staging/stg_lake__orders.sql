with source as (

    select * from {{ source('lake', 'orders') }}

)

select
    -- ids
    portfolio,
    session,
    symbol,

    -- numbers
    quantity,
    reference_price as reference_price_usd,
    held as held_quantity,
    desired as desired_quantity,
    filled as filled_quantity,

    -- state
    decision,
    status

from source
