{% set periods = ['month', 'year'] %}

with daily as (

    select * from {{ ref('fct_daily_performance') }}

)

{% for period in periods %}
select
    environment,
    portfolio,
    '{{ period }}' as period,
    cast(date_trunc('{{ period }}', session) as date) as period_start,
    min(session) as first_session,
    max(session) as last_session,
    count(*) as sessions_count,
    arg_max(nav_usd, session) as nav_usd,
    sum(profit_usd) as profit_usd,
    sum(flow_usd) as flow_usd,
    -- each session's return is on the NAV before it: their product is time-weighted
    product(1 + return_frac) - 1 as return_frac,
    stddev_samp(return_frac) * sqrt(252) as volatility_frac,
    max(drawdown_frac) as max_drawdown_frac,
    sum(commission_usd) as commission_usd,
    sum(traded_notional_usd) as traded_notional_usd,
    cast(sum(traded_notional_usd) as double)
    / nullif(avg(cast(nav_usd as double)), 0) as turnover
from daily
group by all
{% if not loop.last %}union all{% endif %}
{% endfor %}
