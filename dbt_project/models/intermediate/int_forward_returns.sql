-- What a dollar earned that was put into a symbol at a session's open, dividends reinvested, by the
-- close of the 1st, 5th and 21st of its own bars from that session on.
with left_out as (

    select distinct symbol, session
    from {{ ref('fct_bar_findings') }}
    where (treatment = 'quarantined' and state = 'open') or state = 'held'

),

bars as (

    select
        bars.symbol,
        bars.session,
        bars.open_usd,
        bars.close_usd
    from {{ ref('stg_lake__bars') }} as bars
    anti join left_out
        on bars.symbol = left_out.symbol and bars.session = left_out.session
    where bars.open_usd > 0 and bars.close_usd > 0

),

actions as (

    -- an action on a day without a bar takes effect with the next one
    select
        actions.symbol,
        bars.session,
        product(actions.split_ratio) as split_ratio,
        sum(actions.dividend_usd) as dividend_usd
    from {{ ref('stg_lake__corporate_actions') }} as actions
    asof inner join bars
        on actions.symbol = bars.symbol and actions.session <= bars.session
    group by actions.symbol, bars.session

),

grown as (

    select
        bars.*,
        coalesce(actions.split_ratio, 1)
        * (bars.close_usd + coalesce(actions.dividend_usd, 0))
        / lag(bars.close_usd) over (partition by bars.symbol order by bars.session) as growth
    from bars
    left join actions
        on bars.symbol = actions.symbol and bars.session = actions.session

),

indexed as (

    select
        *,
        coalesce(product(growth) over (partition by symbol order by session), 1) as level
    from grown

)

select
    symbol,
    session,
    growth - 1 as return_frac,
    {% for horizon in [1, 5, 21] -%}
    lead(level, {{ horizon - 1 }}) over own / level * close_usd / open_usd - 1
        as forward_{{ horizon }}_frac{{ ',' if not loop.last }}
    {% endfor %}
from indexed
window own as (partition by symbol order by session)
