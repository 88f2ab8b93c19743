-- Money that a person moves; no profit. Of a backtest only the day's sum is known.
with daily as (

    select
        portfolio,
        session,
        flows_usd - lag(flows_usd, 1, 0) over (partition by portfolio order by session) as amount_usd
    from {{ ref('stg_lake__snapshots') }}

)

select
    'backtest' as environment,
    portfolio,
    session,
    concat_ws('/', portfolio, session) as reference,
    case when amount_usd > 0 then 'deposit' else 'withdrawal' end as kind,
    cast(amount_usd as decimal(18, 4)) as amount_usd,
    cast(null as varchar) as author,
    cast(null as varchar) as reason
from daily
where amount_usd <> 0

union all

select
    portfolios.environment,
    entries.portfolio,
    entries.session,
    entries.reference,
    entries.kind,
    entries.amount_usd,
    entries.author,
    entries.reason
from {{ ref('stg_ledger__cash_entries') }} as entries
inner join {{ ref('stg_ledger__portfolios') }} as portfolios
    on entries.portfolio = portfolios.portfolio
where entries.kind in ('deposit', 'withdrawal', 'adjustment')
