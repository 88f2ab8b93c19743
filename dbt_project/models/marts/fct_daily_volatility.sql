{% set windows = [21, 63, 252] %}

with sized as (

    -- the same for every symbol of a session
    select
        environment,
        portfolio,
        session,
        max(forecast_volatility_frac) as unscaled_forecast_frac,
        max(scaling_factor) as scaling_factor
    from {{ ref('int_decisions') }}
    group by environment, portfolio, session

),

daily as (

    select
        environment,
        portfolio,
        session,
        return_frac,
        row_number() over book as place
    from {{ ref('fct_daily_performance') }}
    window book as (partition by environment, portfolio order by session)

),

realised as (

    select
        environment,
        portfolio,
        session,
        {% for sessions in windows -%}
        case
            when place >= {{ sessions }}
                then sqrt(252) * stddev_samp(return_frac) over (
                    partition by environment, portfolio
                    order by place rows between {{ sessions - 1 }} preceding and current row
                )
        end as realised_{{ sessions }}_frac{{ ',' if not loop.last }}
        {% endfor %}
    from daily

)

select
    realised.environment,
    realised.portfolio,
    realised.session,
    {% for sessions in windows -%}
    realised.realised_{{ sessions }}_frac,
    {% endfor -%}
    sized.unscaled_forecast_frac,
    sized.scaling_factor,
    sized.unscaled_forecast_frac * sized.scaling_factor as forecast_frac,
    portfolios.target_volatility_frac,
    realised.realised_63_frac / portfolios.target_volatility_frac as realised_63_over_target
from realised
left join sized
    on
        realised.environment = sized.environment
        and realised.portfolio = sized.portfolio
        and realised.session = sized.session
left join {{ ref('stg_settings__portfolios') }} as portfolios
    on realised.portfolio = portfolios.portfolio
