with source as (

    select * from {{ source('lake', 'findings') }}

)

select
    -- ids
    symbol,
    session,
    rule,
    evidence,

    -- judgement
    severity,
    treatment,
    threshold,

    -- the bar that was judged
    bar_hash,
    known_at as bar_known_at

from source
