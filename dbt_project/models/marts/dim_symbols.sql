with bars as (

    select symbol, session, source from {{ ref('stg_lake__bars') }}

),

sessions as (

    select
        session,
        row_number() over (order by session) as place
    from (select distinct session from bars)

),

spans as (

    select
        symbol,
        min(session) as first_session,
        max(session) as last_session,
        count(*) as bars_count,
        string_agg(distinct source, ', ' order by source) as sources
    from bars
    group by symbol

),

actions as (

    select
        symbol,
        count(*) filter (where split_ratio <> 1) as splits_count,
        count(*) filter (where dividend_usd <> 0) as dividends_count
    from {{ ref('stg_lake__corporate_actions') }}
    group by symbol

),

open_findings as (

    select
        symbol,
        count(*) as open_findings_count
    from {{ ref('fct_bar_findings') }}
    where state = 'open'
    group by symbol

),

instruments as (

    select * from {{ ref('stg_lake__instruments') }}

),

symbols as (

    select symbol from spans
    union
    select symbol from instruments
    union
    select symbol from open_findings

)

select
    symbols.symbol,
    instruments.name,
    instruments.asset_class,
    instruments.exchange,
    instruments.currency,
    instruments.sector,
    instruments.is_tradable,
    instruments.is_shortable,
    instruments.listed_first_session,
    instruments.listed_last_session,
    instruments.source as instrument_source,
    spans.first_session,
    spans.last_session,
    coalesce(spans.bars_count, 0) as bars_count,
    coalesce(final.place - first.place + 1, 0) as sessions_count,
    spans.bars_count / (final.place - first.place + 1) as coverage_frac,
    spans.sources,
    coalesce(actions.splits_count, 0) as splits_count,
    coalesce(actions.dividends_count, 0) as dividends_count,
    coalesce(open_findings.open_findings_count, 0) as open_findings_count
from symbols
left join spans on symbols.symbol = spans.symbol
left join sessions as first on spans.first_session = first.session
left join sessions as final on spans.last_session = final.session
left join instruments on symbols.symbol = instruments.symbol
left join actions on symbols.symbol = actions.symbol
left join open_findings on symbols.symbol = open_findings.symbol
