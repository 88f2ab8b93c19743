with source as (

    select * from {{ source('lake', 'bars') }}

)

select
    -- ids
    symbol,
    session,
    known_at,

    -- prices in dollars
    open as open_usd,
    high as high_usd,
    low as low_usd,
    close as close_usd,
    adj_close as adj_close_usd,

    -- shares
    volume as volume_shares,

    -- origin and state
    source,
    coalesce(open, high, low, close, volume) is null as is_withdrawn

from source
