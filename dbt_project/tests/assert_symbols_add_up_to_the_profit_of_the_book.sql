{{ config(meta={'dagster': {'ref': {'name': 'fct_symbol_performance'}}}) }}
-- To the last 1/10,000 dollar, in every session of every book.
with symbols as (

    select
        portfolio,
        session,
        sum(profit_usd) as profit_usd,
        sum(commission_usd) as commission_usd,
        sum(traded_notional_usd) as traded_notional_usd
    from {{ ref('fct_symbol_performance') }}
    group by portfolio, session

)

select
    daily.portfolio,
    daily.session
from {{ ref('fct_daily_performance') }} as daily
left join symbols
    on
        daily.portfolio = symbols.portfolio
        and daily.session = symbols.session
where
    daily.profit_usd <> coalesce(symbols.profit_usd, 0)
    or daily.commission_usd <> coalesce(symbols.commission_usd, 0)
    or daily.traded_notional_usd <> coalesce(symbols.traded_notional_usd, 0)
