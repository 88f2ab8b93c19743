{% set columns = [
    'momentum', 'direction', 'volatility_frac', 'weight_frac', 'signal_reason',
    'forecast_volatility_frac', 'scaling_factor', 'gross_factor', 'breaker_factor', 'target_frac',
] %}
{% set signal_columns = columns[:5] %}

select
    'backtest' as environment,
    decisions.portfolio,
    decisions.session,
    decisions.symbol,
    {% for column in columns -%}
    {{ 'signals' if column in signal_columns else 'targets' }}.{{ column }},
    {% endfor -%}
    decisions.held_quantity,
    decisions.desired_quantity,
    decisions.decision,
    cast(null as varchar) as overridden_by
from {{ ref('stg_lake__decisions') }} as decisions
left join {{ ref('stg_lake__signals') }} as signals
    on
        decisions.portfolio = signals.portfolio
        and decisions.session = signals.session
        and decisions.symbol = signals.symbol
left join {{ ref('stg_lake__targets') }} as targets
    on
        decisions.portfolio = targets.portfolio
        and decisions.session = targets.session
        and decisions.symbol = targets.symbol

union all

select
    portfolios.environment,
    decisions.portfolio,
    decisions.session,
    decisions.symbol,
    {% for column in columns -%}
    decisions.{{ column }},
    {% endfor -%}
    decisions.held_quantity,
    decisions.desired_quantity,
    decisions.decision,
    decisions.overridden_by
from {{ ref('stg_ledger__decisions') }} as decisions
inner join {{ ref('stg_ledger__portfolios') }} as portfolios
    on decisions.portfolio = portfolios.portfolio
