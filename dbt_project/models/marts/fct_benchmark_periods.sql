{% set periods = {
    'all': 'min(session) over (partition by environment, portfolio, benchmark)',
    'year': "cast(date_trunc('year', session) as date)",
} %}

{% for period, start in periods.items() %}
select
    environment,
    portfolio,
    benchmark,
    '{{ period }}' as period,
    period_start,
    min(session) as first_session,
    max(session) as last_session,
    count(*) as sessions_count,
    product(1 + return_frac) - 1 as return_frac,
    product(1 + benchmark_return_frac) - 1 as benchmark_return_frac,
    product(1 + return_frac) - product(1 + benchmark_return_frac) as active_return_frac,
    -- of a line through one point, or of a book that stands still, nothing can be said
    case
        when var_samp(return_frac) > 0 and var_samp(benchmark_return_frac) > 0
            then corr(return_frac, benchmark_return_frac)
    end as correlation,
    case
        when var_samp(benchmark_return_frac) > 0
            then regr_slope(return_frac, benchmark_return_frac)
    end as beta,
    case
        when var_samp(benchmark_return_frac) > 0
            then 252 * regr_intercept(return_frac, benchmark_return_frac)
    end as alpha_frac,
    sqrt(252) * stddev_samp(active_return_frac) as tracking_error_frac,
    sqrt(252) * avg(active_return_frac) / nullif(stddev_samp(active_return_frac), 0)
        as information_ratio
from (
    select
        *,
        {{ start }} as period_start
    from {{ ref('fct_benchmark_performance') }}
)
group by environment, portfolio, benchmark, period_start
{% if not loop.last %}union all{% endif %}
{% endfor %}
