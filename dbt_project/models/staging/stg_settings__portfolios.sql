with source as (

    select * from {{ source('settings', 'portfolios') }}

)

select
    -- ids
    portfolio,

    -- what is run
    mode,
    strategy,
    description,
    symbols_count,
    target_vol as target_volatility_frac,
    problem

from source
