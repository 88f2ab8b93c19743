{{ config(meta={'dagster': {'ref': {'name': 'int_cash_flows'}}}) }}
-- Cash at a close = initial capital + flows − what was paid for shares − commissions + dividends and
-- cash for fractions, to the last 1/10,000 dollar, in every session of every book.
with moved as (

    select environment, portfolio, session, amount_usd, amount_usd as flow_usd
    from {{ ref('int_cash_flows') }}
    union all
    select
        environment,
        portfolio,
        session,
        -cast(quantity as decimal(18, 0)) * price_usd - commission_usd,
        0
    from {{ ref('int_fills') }}
    union all
    select environment, portfolio, session, cash_usd, 0
    from {{ ref('int_corporate_action_entries') }}

),

daily as (

    select
        environment,
        portfolio,
        session,
        sum(amount_usd) as amount_usd,
        sum(flow_usd) as flow_usd
    from moved
    group by environment, portfolio, session

),

expected as (

    select
        snapshots.*,
        initial_capital_usd + sum(coalesce(daily.amount_usd, 0)) over book as expected_cash_usd,
        sum(coalesce(daily.flow_usd, 0)) over book as expected_flows_usd
    from {{ ref('int_snapshots') }} as snapshots
    left join daily using (environment, portfolio, session)
    window book as (partition by environment, portfolio order by session)

)

select *
from expected
where
    cash_usd <> expected_cash_usd
    or flows_usd <> expected_flows_usd
