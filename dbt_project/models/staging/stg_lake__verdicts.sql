with source as (

    select * from {{ source('lake', 'verdicts') }}

)

select
    -- ids
    symbol,
    session,
    decided_at,

    -- decision
    verdict,
    author,
    reason,
    bar_hash,

    -- replacement, prices in dollars
    replacement_open as replacement_open_usd,
    replacement_high as replacement_high_usd,
    replacement_low as replacement_low_usd,
    replacement_close as replacement_close_usd,
    replacement_volume as replacement_volume_shares,
    replacement_adj_close as replacement_adj_close_usd,
    replacement_source

from source
qualify row_number() over (partition by symbol, session order by decided_at desc) = 1
