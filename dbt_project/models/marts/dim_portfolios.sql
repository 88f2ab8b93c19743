with books as (

    select
        environment,
        portfolio,
        min(session) as first_session,
        max(session) as last_session,
        count(*) as sessions_count,
        arg_max(initial_capital_usd, session) as initial_capital_usd,
        arg_max(nav_usd, session) as nav_usd
    from {{ ref('int_snapshots') }}
    group by environment, portfolio

),

named as (

    -- a book that has begun and has no settled session yet is one
    select environment, portfolio from books
    union
    select environment, portfolio from {{ ref('stg_ledger__portfolios') }}

)

select
    named.environment,
    named.portfolio,
    settings.strategy,
    settings.description,
    settings.target_volatility_frac,
    settings.portfolio is not null as is_configured,
    settings.problem,
    ledger.broker,
    coalesce(ledger.book_start, books.first_session) as book_start,
    books.first_session,
    books.last_session,
    coalesce(books.sessions_count, 0) as sessions_count,
    coalesce(ledger.initial_capital_usd, books.initial_capital_usd) as initial_capital_usd,
    books.nav_usd
from named
left join books
    on
        named.environment = books.environment
        and named.portfolio = books.portfolio
left join {{ ref('stg_ledger__portfolios') }} as ledger
    on
        named.environment = ledger.environment
        and named.portfolio = ledger.portfolio
left join {{ ref('stg_settings__portfolios') }} as settings
    on named.portfolio = settings.portfolio
