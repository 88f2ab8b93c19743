with source as (

    select * from {{ source('lake', 'refused_rows') }}

)

select
    -- ids
    symbol,
    session,

    -- why
    reason,
    evidence,

    -- origin
    source,
    known_at

from source
