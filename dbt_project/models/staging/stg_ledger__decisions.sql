with source as (

    select * from {{ source('ledger', 'decisions') }}

)

select
    -- ids
    portfolio,
    session,
    symbol,

    -- signal
    bars as bars_count,
    momentum,
    direction,
    vol as volatility_frac,
    weight as weight_frac,
    signal_reason,

    -- sizing
    sigma_p as forecast_volatility_frac,
    k as scaling_factor,
    gross_factor,
    breaker_factor,
    target as target_frac,

    -- what came of it
    held as held_quantity,
    desired as desired_quantity,
    ordered as ordered_quantity,
    decision,
    reference_price as reference_price_usd,
    overridden_by

from source
