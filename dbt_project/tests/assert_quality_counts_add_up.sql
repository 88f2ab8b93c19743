{{ config(meta={'dagster': {'ref': {'name': 'fct_data_quality_daily'}}}) }}
-- Each bar, finding and revision is counted once in every table that counts it.
with days as (

    select
        sum(bars_count) as bars_count,
        sum(findings_count) as findings_count,
        sum(revisions_count) as revisions_count,
        sum(revisions_known_count) as revisions_known_count,
        sum(refused_rows_count) as refused_rows_count
    from {{ ref('fct_data_quality_daily') }}

),

there as (

    select
        (select count(*) from {{ ref('stg_lake__bars') }}) as bars_count,
        (select count(*) from {{ ref('stg_lake__findings') }}) as findings_count,
        (select count(session) from {{ ref('stg_lake__findings') }}) as dated_findings_count,
        (select count(session) from {{ ref('stg_lake__refused_rows') }}) as refused_rows_count,
        (
            select count(*) - count(distinct (symbol, session))
            from {{ ref('stg_lake__bar_versions') }}
        ) as revisions_count

),

counts as (

    select 'bars by session' as what, days.bars_count as counted, there.bars_count as expected
    from days, there
    union all
    select 'findings by session', days.findings_count, there.dated_findings_count from days, there
    union all
    select 'refused rows by session', days.refused_rows_count, there.refused_rows_count
    from days, there
    union all
    select 'revisions by session', days.revisions_count, there.revisions_count from days, there
    union all
    select 'revisions by day', days.revisions_known_count, there.revisions_count from days, there
    union all
    select 'findings by rule', (select sum(findings_count) from {{ ref('fct_data_quality') }}), there.findings_count
    from there
    union all
    select 'bars by symbol', (select sum(bars_count) from {{ ref('dim_symbols') }}), there.bars_count
    from there

)

select *
from counts
where coalesce(counted, 0) <> expected
