with source as (

    select * from {{ source('ledger', 'executions') }}

)

select
    -- ids
    broker,
    account,
    execution_id,
    portfolio,
    session,
    symbol,
    client_order_id as order_id,

    -- numbers
    quantity,
    price as price_usd,
    commission as commission_usd,

    -- when
    executed_at,
    booked_at

from source
