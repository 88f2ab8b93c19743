-- What a fill cost against the price it was decided at (Perold 1988, implementation shortfall):
-- delay from the decision's close to the open, execution from the open to the fill. Both are
-- positive where they cost money.
with fills as (

    select * from {{ ref('stg_lake__fills') }}

),

priced as (

    select
        fills.*,
        orders.decision,
        cast(orders.reference_price_usd as double) as reference_price_usd,
        bars.open_usd,
        cast(fills.quantity as double) as signed_quantity
    from fills
    inner join {{ ref('stg_lake__orders') }} as orders
        on
            fills.portfolio = orders.portfolio
            and fills.session = orders.session
            and fills.symbol = orders.symbol
    left join {{ ref('stg_lake__bars') }} as bars
        on
            fills.session = bars.session
            and fills.symbol = bars.symbol

)

select
    portfolio,
    session,
    symbol,
    decision,
    quantity,
    reference_price_usd,
    open_usd,
    price_usd,
    notional_usd,
    commission_usd,
    signed_quantity * (open_usd - reference_price_usd) as delay_cost_usd,
    signed_quantity * (cast(price_usd as double) - open_usd) as slippage_usd,
    sign(signed_quantity) * (open_usd / reference_price_usd - 1) * 1e4 as delay_bps,
    sign(signed_quantity) * (cast(price_usd as double) / open_usd - 1) * 1e4 as slippage_bps,
    cast(commission_usd as double) / nullif(cast(notional_usd as double), 0) * 1e4
        as commission_bps
from priced
