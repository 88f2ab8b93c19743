{{ config(meta={'dagster': {'ref': {'name': 'fct_daily_performance'}}}) }}
-- The mart's profits over a book, plus its flows, are its last NAV less its initial capital, to the
-- last 1/10,000 dollar.
with book as (

    select
        environment,
        portfolio,
        sum(profit_usd + flow_usd) as profits_usd
    from {{ ref('fct_daily_performance') }}
    group by environment, portfolio

),

final as (

    select
        environment,
        portfolio,
        arg_max(nav_usd, session) - arg_max(initial_capital_usd, session) as change_usd
    from {{ ref('int_snapshots') }}
    group by environment, portfolio

)

select *
from book
full join final using (environment, portfolio)
where book.profits_usd is distinct from final.change_usd
