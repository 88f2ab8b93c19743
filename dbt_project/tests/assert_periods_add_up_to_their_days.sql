{{ config(meta={'dagster': {'ref': {'name': 'fct_period_performance'}}}) }}
with days as (

    select
        environment,
        portfolio,
        sum(profit_usd) as profit_usd,
        sum(flow_usd) as flow_usd,
        count(*) as sessions_count
    from {{ ref('fct_daily_performance') }}
    group by environment, portfolio

),

periods as (

    select
        environment,
        portfolio,
        period,
        sum(profit_usd) as profit_usd,
        sum(flow_usd) as flow_usd,
        sum(sessions_count) as sessions_count
    from {{ ref('fct_period_performance') }}
    group by environment, portfolio, period

)

select *
from days
full join periods using (environment, portfolio)
where
    days.profit_usd is distinct from periods.profit_usd
    or days.flow_usd is distinct from periods.flow_usd
    or days.sessions_count is distinct from periods.sessions_count
