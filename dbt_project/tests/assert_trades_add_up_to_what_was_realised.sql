{{ config(meta={'dagster': {'ref': {'name': 'fct_trades'}}}) }}
-- To the last 1/10,000 dollar, in every session of every book. With what is unrealised, dividends,
-- commissions and flows that is the NAV: see int_snapshots.
with trades as (

    select
        environment,
        portfolio,
        exit_session as session,
        sum(profit_usd) as profit_usd
    from {{ ref('fct_trades') }}
    group by environment, portfolio, exit_session

),

realised as (

    select
        environment,
        portfolio,
        session,
        realised_usd - lag(realised_usd, 1, 0) over (
            partition by environment, portfolio order by session
        ) as realised_usd
    from {{ ref('int_snapshots') }}

)

select *
from realised
full join trades using (environment, portfolio, session)
where realised.realised_usd is distinct from coalesce(trades.profit_usd, 0)
