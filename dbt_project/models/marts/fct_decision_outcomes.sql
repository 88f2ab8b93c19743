select
    decisions.portfolio,
    decisions.session,
    decisions.decision,
    count(*) as symbols_count,
    count(orders.symbol) as orders_count,
    coalesce(sum(abs(orders.quantity)), 0) as ordered_quantity,
    coalesce(sum(abs(orders.filled_quantity)), 0) as filled_quantity,
    count(*) filter (where orders.filled_quantity = 0) as unfilled_orders_count
from {{ ref('stg_lake__decisions') }} as decisions
left join {{ ref('stg_lake__orders') }} as orders
    on
        decisions.portfolio = orders.portfolio
        and decisions.session = orders.session
        and decisions.symbol = orders.symbol
group by decisions.portfolio, decisions.session, decisions.decision
