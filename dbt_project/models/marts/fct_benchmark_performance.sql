-- Every book beside every benchmark, over the sessions that both have.
with books as (

    select
        environment,
        portfolio,
        session,
        return_frac
    from {{ ref('fct_daily_performance') }}

),

benchmarks as (

    select
        portfolio as benchmark,
        session,
        return_frac
    from books
    where
        environment = 'backtest'
        and portfolio = '{{ var("benchmark_portfolio") }}'
    {% for symbol in var('benchmark_symbols') %}
    union all
    select
        symbol,
        session,
        return_frac
    from {{ ref('int_forward_returns') }}
    where
        symbol = '{{ symbol }}'
        and return_frac is not null
    {% endfor %}

)

select
    books.environment,
    books.portfolio,
    benchmarks.benchmark,
    books.session,
    books.return_frac,
    benchmarks.return_frac as benchmark_return_frac,
    books.return_frac - benchmarks.return_frac as active_return_frac,
    product(1 + books.return_frac) over both_books as growth,
    product(1 + benchmarks.return_frac) over both_books as benchmark_growth,
    product(1 + books.return_frac) over both_books
    / product(1 + benchmarks.return_frac) over both_books as relative_growth
from books
inner join benchmarks
    on books.session = benchmarks.session
where not (books.environment = 'backtest' and books.portfolio = benchmarks.benchmark)
window both_books as (
    partition by books.environment, books.portfolio, benchmarks.benchmark order by books.session
)
