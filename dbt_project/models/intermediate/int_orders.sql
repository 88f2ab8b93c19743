with booked as (

    select
        order_id,
        sum(quantity) as filled_quantity
    from {{ ref('stg_ledger__fills') }}
    where order_id is not null
    group by order_id

),

said as (

    -- the last reason that is one: an event may have none
    select
        order_id,
        arg_max(kind, sequence) as kind,
        arg_max(reason, sequence) filter (where reason <> '') as reason
    from {{ ref('stg_ledger__order_events') }}
    group by order_id

),

stopped as (

    select
        order_id,
        string_agg(distinct limit_name, ', ' order by limit_name) as limit_names,
        string_agg(distinct reason, ' ' order by reason) as reason
    from {{ ref('stg_ledger__limit_rejections') }}
    group by order_id

)

select
    'backtest' as environment,
    orders.portfolio,
    orders.session,
    orders.symbol,
    concat_ws('/', orders.portfolio, orders.session, orders.symbol) as order_id,
    'rebalance' as leg,
    orders.quantity,
    orders.filled_quantity,
    cast(orders.reference_price_usd as double) as reference_price_usd,
    orders.decision,
    orders.status,
    -- ENGINE E21 and E23: in a simulated market there are no other reasons
    case
        when orders.filled_quantity = orders.quantity then 'filled'
        when bars.symbol is null then 'no_bar'
        else 'participation'
    end as reason_code,
    cast(null as varchar) as reason
from {{ ref('stg_lake__orders') }} as orders
left join {{ ref('stg_lake__bars') }} as bars
    on
        orders.symbol = bars.symbol
        and orders.session = bars.session

union all

select
    portfolios.environment,
    orders.portfolio,
    orders.session,
    orders.symbol,
    orders.order_id,
    orders.leg,
    orders.quantity,
    cast(coalesce(booked.filled_quantity, 0) as bigint) as filled_quantity,
    orders.reference_price_usd,
    orders.decision,
    orders.status,
    case
        when booked.filled_quantity = orders.quantity then 'filled'
        else coalesce(stopped.limit_names, said.kind, 'not_sent')
    end as reason_code,
    case
        when booked.filled_quantity is distinct from orders.quantity
            then coalesce(stopped.reason, said.reason)
    end as reason
from {{ ref('stg_ledger__orders') }} as orders
inner join {{ ref('stg_ledger__portfolios') }} as portfolios
    on orders.portfolio = portfolios.portfolio
left join booked on orders.order_id = booked.order_id
left join said on orders.order_id = said.order_id
left join stopped on orders.order_id = stopped.order_id
