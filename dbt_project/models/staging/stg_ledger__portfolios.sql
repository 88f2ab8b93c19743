with source as (

    select * from {{ source('ledger', 'portfolios') }}

)

select
    -- ids
    portfolio,

    -- where it trades
    environment,
    broker,
    account,

    -- how it began
    initial_capital as initial_capital_usd,
    book_start,
    created_at

from source
