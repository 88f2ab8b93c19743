with source as (

    select * from {{ source('ledger', 'corporate_action_entries') }}

)

select
    -- ids
    portfolio,
    session,
    version,
    symbol,
    sequence,

    -- numbers
    split_new,
    split_old,
    dividend as dividend_usd_per_share,
    shares_change,
    cash as cash_usd

from source
