select
    'backtest' as environment,
    portfolio,
    session,
    symbol,
    quantity,
    mark_usd,
    mark_age_sessions,
    cost_usd,
    market_value_usd
from {{ ref('stg_lake__positions') }}

union all

select
    snapshots.environment,
    positions.portfolio,
    positions.session,
    positions.symbol,
    positions.quantity,
    positions.mark_usd,
    positions.mark_age_sessions,
    positions.cost_usd,
    positions.market_value_usd
from {{ ref('stg_ledger__positions') }} as positions
inner join {{ ref('int_snapshots') }} as snapshots
    on
        positions.portfolio = snapshots.portfolio
        and positions.session = snapshots.session
        and positions.version = snapshots.version
        and snapshots.environment <> 'backtest'
