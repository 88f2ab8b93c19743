with orders as (

    -- one row per symbol: an order can be replaced by another one
    select
        environment,
        portfolio,
        session,
        symbol,
        arg_max(decision, order_id) as decision,
        count(*) as orders_count,
        sum(abs(quantity)) as ordered_quantity,
        sum(abs(filled_quantity)) as filled_quantity,
        count(*) filter (where filled_quantity = 0) as unfilled_orders_count
    from {{ ref('int_orders') }}
    group by environment, portfolio, session, symbol

)

select
    environment,
    portfolio,
    session,
    -- what a person flattens was decided by nobody else
    coalesce(decisions.decision, orders.decision) as decision,
    count(*) as symbols_count,
    cast(coalesce(sum(orders.orders_count), 0) as bigint) as orders_count,
    cast(coalesce(sum(orders.ordered_quantity), 0) as bigint) as ordered_quantity,
    cast(coalesce(sum(orders.filled_quantity), 0) as bigint) as filled_quantity,
    cast(coalesce(sum(orders.unfilled_orders_count), 0) as bigint) as unfilled_orders_count
from {{ ref('int_decisions') }} as decisions
full join orders using (environment, portfolio, session, symbol)
group by all
