-- What a fill cost against the price it was decided at (Perold 1988, implementation shortfall):
-- delay from the decision's close to the open, execution from the open to the fill. Both are
-- positive where they cost money.
with priced as (

    select
        fills.*,
        orders.decision,
        orders.reference_price_usd,
        bars.open_usd,
        cast(fills.quantity as double) as signed_quantity,
        cast(fills.price_usd as double) as price
    from {{ ref('int_fills') }} as fills
    left join {{ ref('int_orders') }} as orders
        on
            fills.environment = orders.environment
            and fills.order_id = orders.order_id
    left join {{ ref('stg_lake__bars') }} as bars
        on
            fills.session = bars.session
            and fills.symbol = bars.symbol

)

select
    environment,
    portfolio,
    session,
    symbol,
    order_id,
    execution_id,
    decision,
    quantity,
    reference_price_usd,
    open_usd,
    price_usd,
    notional_usd,
    commission_usd,
    signed_quantity * (open_usd - reference_price_usd) as delay_cost_usd,
    signed_quantity * (price - open_usd) as slippage_usd,
    sign(signed_quantity) * (open_usd / reference_price_usd - 1) * 1e4 as delay_bps,
    sign(signed_quantity) * (price / open_usd - 1) * 1e4 as slippage_bps,
    cast(commission_usd as double) / nullif(cast(notional_usd as double), 0) * 1e4
        as commission_bps
from priced
