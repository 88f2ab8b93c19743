with source as (

    select * from {{ source('ledger', 'session_outcomes') }}

)

select
    -- ids
    portfolio,
    session,

    -- what was said
    outcome,
    reason_code,
    reason,
    recorded_at

from source
