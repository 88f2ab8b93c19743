-- How a session ended. A backtest has no bad days: it traded or it did not.
with orders as (

    select
        environment,
        portfolio,
        session,
        count(*) as orders_count,
        count(*) filter (where outcome = 'filled') as filled_orders_count,
        count(*) filter (where outcome = 'unfilled') as unfilled_orders_count
    from {{ ref('fct_order_outcomes') }}
    group by environment, portfolio, session

),

sessions as (

    select
        environment,
        portfolio,
        session,
        case when fills_count > 0 then 'TRADED' else 'NO_TRADES' end as outcome,
        cast(null as varchar) as reason_code,
        cast(null as varchar) as reason
    from {{ ref('fct_daily_performance') }}
    where environment = 'backtest'
    union all
    select
        portfolios.environment,
        said.portfolio,
        said.session,
        said.outcome,
        said.reason_code,
        said.reason
    from {{ ref('stg_ledger__session_outcomes') }} as said
    inner join {{ ref('stg_ledger__portfolios') }} as portfolios
        on said.portfolio = portfolios.portfolio

)

select
    sessions.environment,
    sessions.portfolio,
    sessions.session,
    sessions.outcome,
    sessions.reason_code,
    sessions.reason,
    coalesce(orders.orders_count, 0) as orders_count,
    coalesce(orders.filled_orders_count, 0) as filled_orders_count,
    coalesce(orders.unfilled_orders_count, 0) as unfilled_orders_count
from sessions
left join orders
    on
        sessions.environment = orders.environment
        and sessions.portfolio = orders.portfolio
        and sessions.session = orders.session
