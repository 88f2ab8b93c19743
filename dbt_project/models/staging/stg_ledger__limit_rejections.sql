with source as (

    select * from {{ source('ledger', 'limit_rejections') }}

)

select
    -- ids
    portfolio,
    session,
    client_order_id as order_id,
    symbol,

    -- the limit
    limit_name,
    stage,
    measured,
    bound,
    unit,
    sentence as reason,
    recorded_at

from source
