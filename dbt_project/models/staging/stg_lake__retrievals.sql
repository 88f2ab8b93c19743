with source as (

    select * from {{ source('lake', 'retrievals') }}

)

select
    -- ids
    symbol,
    source,
    first_session as asked_first_session,
    last_session as asked_last_session,
    role,

    -- how it ended
    outcome,
    reason,

    -- what was sent
    bars as bars_count,
    actions as actions_count,
    refused_rows as refused_rows_count,
    source_hash,

    -- origin
    known_at

from source
qualify row_number() over (
    partition by symbol, source, first_session, last_session, role
    order by known_at desc
) = 1
