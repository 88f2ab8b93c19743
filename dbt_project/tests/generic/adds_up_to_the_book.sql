{% test adds_up_to_the_book(model) %}
-- Parts of a session that do not sum to the book's own numbers, to the last 1/10,000 dollar.
with parts as (

    select
        environment,
        portfolio,
        session,
        sum(profit_usd) as profit_usd,
        sum(commission_usd) as commission_usd,
        sum(traded_notional_usd) as traded_notional_usd
    from {{ model }}
    group by environment, portfolio, session

)

select
    environment,
    portfolio,
    session
from {{ ref('fct_daily_performance') }} as daily
full join parts using (environment, portfolio, session)
where
    daily.profit_usd is distinct from coalesce(parts.profit_usd, 0)
    or daily.commission_usd is distinct from coalesce(parts.commission_usd, 0)
    or daily.traded_notional_usd is distinct from coalesce(parts.traded_notional_usd, 0)
{% endtest %}
