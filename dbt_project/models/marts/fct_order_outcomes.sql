select
    environment,
    portfolio,
    session,
    symbol,
    order_id,
    leg,
    decision,
    quantity,
    filled_quantity,
    filled_quantity / quantity as fill_rate_frac,
    case
        when status in ('INTENT', 'SENDING', 'UNKNOWN', 'ACKED', 'PARTIAL')
            and environment <> 'backtest' then 'working'
        when filled_quantity = quantity then 'filled'
        when filled_quantity <> 0 then 'partly_filled'
        else 'unfilled'
    end as outcome,
    status,
    reason_code,
    reason
from {{ ref('int_orders') }}
