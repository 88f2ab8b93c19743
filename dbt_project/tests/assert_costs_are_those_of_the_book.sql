{{ config(meta={'dagster': {'ref': {'name': 'fct_execution_costs'}}}) }}
-- Commissions and notional of the fills are those of the sessions they were booked in, to the last
-- 1/10,000 dollar.
with fills as (

    select
        environment,
        portfolio,
        session,
        count(*) as fills_count,
        sum(commission_usd) as commission_usd,
        sum(notional_usd) as notional_usd
    from {{ ref('fct_execution_costs') }}
    group by environment, portfolio, session

)

select *
from {{ ref('fct_daily_performance') }} as daily
left join fills using (environment, portfolio, session)
where
    daily.commission_usd <> coalesce(fills.commission_usd, 0)
    or daily.traded_notional_usd <> coalesce(fills.notional_usd, 0)
    or daily.fills_count <> coalesce(fills.fills_count, 0)
