-- Executions of a session that is not settled yet are here, and in no net asset value yet.
select
    'backtest' as environment,
    portfolio,
    session,
    symbol,
    concat_ws('/', portfolio, session, symbol) as order_id,
    concat_ws('/', portfolio, session, symbol) as execution_id,
    quantity,
    price_usd,
    commission_usd,
    notional_usd
from {{ ref('stg_lake__fills') }}

union all

select
    portfolios.environment,
    fills.portfolio,
    fills.session,
    fills.symbol,
    fills.order_id,
    concat_ws('/', fills.broker, fills.account, fills.execution_id) as execution_id,
    fills.quantity,
    fills.price_usd,
    fills.commission_usd,
    cast(abs(fills.quantity) as decimal(18, 0)) * fills.price_usd as notional_usd
from {{ ref('stg_ledger__fills') }} as fills
inner join {{ ref('stg_ledger__portfolios') }} as portfolios
    on fills.portfolio = portfolios.portfolio
