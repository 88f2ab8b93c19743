with snapshots as (

    select * from {{ ref('int_snapshots') }}

),

traded as (

    select
        environment,
        portfolio,
        session,
        count(*) as fills_count,
        sum(notional_usd) as traded_notional_usd
    from {{ ref('int_fills') }}
    group by environment, portfolio, session

),

with_previous as (

    select
        *,
        lag(nav_usd, 1, initial_capital_usd) over book as previous_nav_usd,
        lag(flows_usd, 1, 0) over book as previous_flows_usd,
        lag(commissions_usd, 1, 0) over book as previous_commissions_usd
    from snapshots
    window book as (partition by environment, portfolio order by session)

)

select
    with_previous.environment,
    with_previous.portfolio,
    with_previous.session,
    with_previous.nav_usd,
    with_previous.previous_nav_usd,
    with_previous.flows_usd - with_previous.previous_flows_usd as flow_usd,
    with_previous.nav_usd
    - with_previous.previous_nav_usd
    - (with_previous.flows_usd - with_previous.previous_flows_usd) as profit_usd,
    -- flows are booked at the close, after the session's profit: the base is yesterday's NAV
    cast(
        with_previous.nav_usd
        - with_previous.previous_nav_usd
        - (with_previous.flows_usd - with_previous.previous_flows_usd) as double
    ) / nullif(cast(with_previous.previous_nav_usd as double), 0) as return_frac,
    with_previous.drawdown_frac,
    with_previous.gross_exposure,
    with_previous.net_exposure,
    with_previous.is_breaker_tripped,
    with_previous.commissions_usd
    - with_previous.previous_commissions_usd as commission_usd,
    coalesce(traded.fills_count, 0) as fills_count,
    coalesce(traded.traded_notional_usd, 0) as traded_notional_usd,
    cast(coalesce(traded.traded_notional_usd, 0) as double)
    / nullif(cast(with_previous.previous_nav_usd as double), 0) as turnover_frac,
    with_previous.positions_count
from with_previous
left join traded
    on
        with_previous.environment = traded.environment
        and with_previous.portfolio = traded.portfolio
        and with_previous.session = traded.session
