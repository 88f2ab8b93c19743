with source as (

    select * from {{ source('lake', 'corporate_action_entries') }}

)

select
    portfolio,
    session,
    symbol,
    split_new,
    split_old,
    dividend as dividend_usd_per_share,
    shares_change,
    cash as cash_usd
from source
