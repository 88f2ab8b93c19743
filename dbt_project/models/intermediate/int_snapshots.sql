{% set columns = [
    'nav_usd', 'cash_usd', 'positions_value_usd', 'peak_nav_usd', 'initial_capital_usd', 'realised_usd',
    'unrealised_usd', 'dividends_usd', 'cash_in_lieu_usd', 'commissions_usd', 'flows_usd',
    'drawdown_frac', 'gross_exposure', 'net_exposure', 'is_breaker_tripped', 'positions_count',
] %}

with settled as (

    select *
    from {{ ref('stg_ledger__snapshots') }}
    qualify row_number() over (partition by portfolio, session order by version desc) = 1

)

select
    'backtest' as environment,
    portfolio,
    session,
    cast(1 as bigint) as version,
    {{ columns | join(',\n    ') }}
from {{ ref('stg_lake__snapshots') }}

union all

select
    portfolios.environment,
    settled.portfolio,
    settled.session,
    settled.version,
    settled.{{ columns | join(',\n    settled.') }}
from settled
inner join {{ ref('stg_ledger__portfolios') }} as portfolios
    on settled.portfolio = portfolios.portfolio
