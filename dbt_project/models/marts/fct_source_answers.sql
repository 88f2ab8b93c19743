with answers as (

    select * from {{ ref('stg_lake__retrievals') }}

)

select
    symbol,
    source,
    asked_first_session,
    asked_last_session,
    role,
    outcome,
    reason,
    bars_count,
    actions_count,
    refused_rows_count,
    source_hash,
    known_at
from answers
