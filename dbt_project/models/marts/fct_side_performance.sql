select
    environment,
    portfolio,
    session,
    side,
    count(*) as symbols_count,
    sum(market_value_usd) as market_value_usd,
    sum(profit_usd) as profit_usd,
    sum(commission_usd) as commission_usd,
    sum(action_cash_usd) as action_cash_usd,
    sum(traded_notional_usd) as traded_notional_usd,
    cast(sum(fills_count) as bigint) as fills_count
from {{ ref('fct_symbol_performance') }}
group by environment, portfolio, session, side
