{{ config(meta={'dagster': {'ref': {'name': 'fct_daily_performance'}}}) }}
-- The mart's profits over a book, plus its flows, are its last NAV less its initial capital.
with book as (

    select
        portfolio,
        sum(profit_usd + flow_usd) as profits_usd
    from {{ ref('fct_daily_performance') }}
    group by portfolio

),

final as (

    select
        portfolio,
        arg_max(nav_usd, session) - arg_max(initial_capital_usd, session) as change_usd
    from {{ ref('stg_lake__snapshots') }}
    group by portfolio

)

select *
from book
inner join final using (portfolio)
where book.profits_usd <> final.change_usd
