with source as (

    select * from {{ source('lake', 'reference_bars') }}

)

select
    -- ids
    symbol,
    session,
    source,

    -- prices in dollars
    open as open_usd,
    high as high_usd,
    low as low_usd,
    close as close_usd,
    adj_close as adj_close_usd,

    -- shares
    volume as volume_shares,

    -- origin
    known_at

from source
qualify
    row_number() over (partition by symbol, session, source order by known_at desc) = 1
    and coalesce(open, high, low, close, volume) is not null
