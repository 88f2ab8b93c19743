select
    'backtest' as environment,
    portfolio,
    session,
    symbol,
    cast(1 as bigint) as sequence,
    split_new,
    split_old,
    dividend_usd_per_share,
    shares_change,
    cash_usd
from {{ ref('stg_lake__corporate_action_entries') }}

union all

select
    snapshots.environment,
    entries.portfolio,
    entries.session,
    entries.symbol,
    entries.sequence,
    entries.split_new,
    entries.split_old,
    entries.dividend_usd_per_share,
    entries.shares_change,
    entries.cash_usd
from {{ ref('stg_ledger__corporate_action_entries') }} as entries
inner join {{ ref('int_snapshots') }} as snapshots
    on
        entries.portfolio = snapshots.portfolio
        and entries.session = snapshots.session
        and entries.version = snapshots.version
        and snapshots.environment <> 'backtest'
