with source as (

    select * from {{ source('ledger', 'order_intents') }}

)

select
    -- ids
    client_order_id as order_id,
    portfolio,
    session,
    symbol,

    -- what was ordered
    leg,
    revision,
    quantity,
    reference_price as reference_price_usd,
    decision,

    -- state
    state as status,
    committed_at

from source
