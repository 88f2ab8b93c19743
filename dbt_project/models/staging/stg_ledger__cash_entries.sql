with source as (

    select * from {{ source('ledger', 'cash_entries') }}

)

select
    -- ids
    id as entry_id,
    portfolio,
    session,
    symbol,

    -- what moved
    kind,
    amount as amount_usd,
    version,

    -- why
    reference,
    author,
    reason,
    recorded_at

from source
