with source as (

    select * from {{ source('ledger', 'order_events') }}

)

select
    -- ids
    client_order_id as order_id,
    sequence,

    -- what was learnt
    kind,
    state as status,
    filled_quantity,
    reason,
    recorded_at

from source
