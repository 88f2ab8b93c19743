with source as (

    select * from {{ source('lake', 'targets') }}

)

select
    -- ids
    portfolio,
    session,
    symbol,

    -- sizing
    sigma_p as forecast_volatility_frac,
    k as scaling_factor,
    gross_factor,
    breaker_factor,
    target as target_frac

from source
