{{ config(meta={'dagster': {'ref': {'name': 'fct_period_performance'}}}) }}
with days as (

    select
        portfolio,
        sum(profit_usd) as profit_usd,
        sum(flow_usd) as flow_usd,
        count(*) as sessions_count
    from {{ ref('fct_daily_performance') }}
    group by portfolio

),

periods as (

    select
        portfolio,
        period,
        sum(profit_usd) as profit_usd,
        sum(flow_usd) as flow_usd,
        sum(sessions_count) as sessions_count
    from {{ ref('fct_period_performance') }}
    group by portfolio, period

)

select *
from days
inner join periods using (portfolio)
where
    days.profit_usd <> periods.profit_usd
    or days.flow_usd <> periods.flow_usd
    or days.sessions_count <> periods.sessions_count
