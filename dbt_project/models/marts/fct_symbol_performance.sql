-- Profit of a symbol in a session = what it is worth at the close, less what it was worth at the
-- close before, less what was paid for shares, plus cash from splits and dividends.
with sessions as (

    select
        environment,
        portfolio,
        session,
        lead(session) over (partition by environment, portfolio order by session) as next_session
    from {{ ref('int_snapshots') }}

),

positions as (

    select * from {{ ref('int_positions') }}

),

money as (

    select
        environment,
        portfolio,
        session,
        symbol,
        quantity as closing_quantity,
        0 as opening_quantity,
        market_value_usd,
        market_value_usd as profit_usd,
        0 as commission_usd,
        0 as action_cash_usd,
        0 as traded_notional_usd,
        0 as fills_count
    from positions
    union all
    select
        positions.environment,
        positions.portfolio,
        sessions.next_session,
        positions.symbol,
        0,
        positions.quantity,
        0,
        -positions.market_value_usd,
        0,
        0,
        0,
        0
    from positions
    inner join sessions
        on
            positions.environment = sessions.environment
            and positions.portfolio = sessions.portfolio
            and positions.session = sessions.session
            and sessions.next_session is not null
    union all
    select
        environment,
        portfolio,
        session,
        symbol,
        0,
        0,
        0,
        -cast(quantity as decimal(18, 0)) * price_usd - commission_usd,
        commission_usd,
        0,
        notional_usd,
        1
    from {{ ref('int_fills') }}
    union all
    select
        environment,
        portfolio,
        session,
        symbol,
        0,
        0,
        0,
        cash_usd,
        0,
        cash_usd,
        0,
        0
    from {{ ref('int_corporate_action_entries') }}

),

summed as (

    select
        environment,
        portfolio,
        session,
        symbol,
        cast(sum(opening_quantity) as bigint) as opening_quantity,
        cast(sum(closing_quantity) as bigint) as closing_quantity,
        sum(market_value_usd) as market_value_usd,
        sum(profit_usd) as profit_usd,
        sum(commission_usd) as commission_usd,
        sum(action_cash_usd) as action_cash_usd,
        sum(traded_notional_usd) as traded_notional_usd,
        cast(sum(fills_count) as bigint) as fills_count
    from money
    group by environment, portfolio, session, symbol

)

select
    summed.*,
    -- The side a symbol came into the session with; where it came with none, the one it took.
    case
        when summed.opening_quantity > 0 then 'long'
        when summed.opening_quantity < 0 then 'short'
        when summed.closing_quantity > 0 then 'long'
        when summed.closing_quantity < 0 then 'short'
        else 'none'
    end as side,
    cast(summed.market_value_usd as double)
    / nullif(cast(snapshots.nav_usd as double), 0) as weight_frac
from summed
inner join {{ ref('int_snapshots') }} as snapshots
    on
        summed.environment = snapshots.environment
        and summed.portfolio = snapshots.portfolio
        and summed.session = snapshots.session
