{{ config(meta={'dagster': {'ref': {'name': 'fct_symbol_performance'}}}) }}
-- To the last 1/10,000 dollar, in every session of every book.
with symbols as (

    select
        environment,
        portfolio,
        session,
        sum(profit_usd) as profit_usd,
        sum(commission_usd) as commission_usd,
        sum(traded_notional_usd) as traded_notional_usd
    from {{ ref('fct_symbol_performance') }}
    group by environment, portfolio, session

)

select
    environment,
    portfolio,
    session
from {{ ref('fct_daily_performance') }} as daily
full join symbols using (environment, portfolio, session)
where
    daily.profit_usd is distinct from coalesce(symbols.profit_usd, 0)
    or daily.commission_usd is distinct from coalesce(symbols.commission_usd, 0)
    or daily.traded_notional_usd is distinct from coalesce(symbols.traded_notional_usd, 0)
