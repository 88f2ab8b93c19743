with source as (

    select * from {{ source('ledger', 'snapshots') }}

)

select
    -- ids
    portfolio,
    session,
    version,

    -- money in dollars, totals since the book's start
    nav as nav_usd,
    cash as cash_usd,
    positions_value as positions_value_usd,
    peak_nav as peak_nav_usd,
    initial_capital as initial_capital_usd,
    realised as realised_usd,
    unrealised as unrealised_usd,
    dividends as dividends_usd,
    cash_in_lieu as cash_in_lieu_usd,
    commissions as commissions_usd,
    flows as flows_usd,

    -- ratios
    drawdown as drawdown_frac,
    gross_exposure,
    net_exposure,

    -- state
    tripped as is_breaker_tripped,
    positions_count,
    recorded_at

from source
