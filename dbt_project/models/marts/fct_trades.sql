select
    environment,
    portfolio,
    trade_number,
    symbol,
    case when quantity > 0 then 'long' else 'short' end as side,
    abs(quantity) as quantity,
    entry_session,
    exit_session,
    sessions_held,
    entry_value_usd,
    case when quantity > 0 then 1 else -1 end * profit_usd + entry_value_usd as exit_value_usd,
    profit_usd,
    cast(profit_usd as double) / nullif(cast(entry_value_usd as double), 0) * 1e4 as return_bps,
    profit_usd > 0 as is_winner
from {{ ref('int_round_trips') }}
