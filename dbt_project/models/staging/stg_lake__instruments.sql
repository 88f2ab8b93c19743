with source as (

    select * from {{ source('lake', 'instruments') }}

)

select
    -- ids
    symbol,

    -- what it is
    name,
    asset_class,
    exchange,
    currency,
    sector,

    -- listing
    first_session as listed_first_session,
    last_session as listed_last_session,
    tradable as is_tradable,
    shortable as is_shortable,

    -- origin
    source,
    known_at

from source
qualify row_number() over (partition by symbol order by known_at desc) = 1
