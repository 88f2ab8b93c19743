-- Whether a symbol went where the forecast pointed: from the open at which it could be traded to the
-- close of the 1st, 5th and 21st session from there on.
{% set horizons = [1, 5, 21] %}

with forecasts as (

    select
        decisions.environment,
        decisions.portfolio,
        decisions.symbol,
        cast(date_trunc('year', decisions.session) as date) as period_start,
        decisions.direction,
        {% for horizon in horizons -%}
        returns.forward_{{ horizon }}_frac{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_decisions') }} as decisions
    inner join {{ ref('int_forward_returns') }} as returns
        on
            decisions.symbol = returns.symbol
            and decisions.session = returns.session
    where decisions.direction <> 0

)

{% for horizon in horizons %}
select
    environment,
    portfolio,
    symbol,
    period_start,
    {{ horizon }} as horizon_sessions,
    count(forward_{{ horizon }}_frac) as forecasts_count,
    count(*) - count(forward_{{ horizon }}_frac) as pending_count,
    count(*) filter (where direction * forward_{{ horizon }}_frac > 0) as right_count,
    count(forward_{{ horizon }}_frac) filter (where direction > 0) as long_count,
    count(*) filter (where direction > 0 and forward_{{ horizon }}_frac > 0) as long_right_count,
    count(*) filter (where forward_{{ horizon }}_frac > 0) as risen_count,
    count(*) filter (where direction * forward_{{ horizon }}_frac > 0)
    / nullif(count(forward_{{ horizon }}_frac), 0) as hit_rate_frac,
    avg(direction * forward_{{ horizon }}_frac) * 1e4 as directional_return_bps,
    avg(forward_{{ horizon }}_frac) * 1e4 as symbol_return_bps
from forecasts
group by environment, portfolio, symbol, period_start
{% if not loop.last %}union all{% endif %}
{% endfor %}
