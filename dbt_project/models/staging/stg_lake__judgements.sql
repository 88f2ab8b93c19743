with source as (

    select * from {{ source('lake', 'judgements') }}

)

select
    judged_at,
    calendar_last as expected_until_session,

    -- versions of the tables judged
    bars as bars_version,
    corporate_actions as corporate_actions_version,
    reference_bars as reference_bars_version,
    refused_rows as refused_rows_version,
    verdicts as verdicts_version

from source
