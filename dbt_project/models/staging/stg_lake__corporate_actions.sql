with source as (

    select * from {{ source('lake', 'corporate_actions') }}

)

select
    -- ids
    symbol,
    session,

    -- numbers
    split as split_ratio,
    dividend as dividend_usd,

    -- origin
    source,
    known_at

from source
qualify
    row_number() over (partition by symbol, session order by known_at desc) = 1
    and (split <> 1 or dividend <> 0)
