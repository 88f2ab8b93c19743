with bars as (

    select symbol, session from {{ ref('stg_lake__bars') }}

),

findings as (

    select * from {{ ref('fct_bar_findings') }}

),

revisions as (

    select distinct
        symbol,
        session,
        known_at,
        -- the day in UTC, whatever the time zone of the machine
        cast(make_timestamp(epoch_us(known_at)) as date) as known_on
    from {{ ref('fct_bar_revisions') }}

),

sessions as (

    select session from bars
    union
    select session from findings where session is not null
    union
    select session from revisions
    union
    select session from {{ ref('stg_lake__refused_rows') }} where session is not null

),

bars_by_session as (

    select
        session,
        count(*) as bars_count
    from bars
    group by session

),

spans as (

    select
        symbol,
        min(session) as first_session,
        max(session) as last_session
    from bars
    group by symbol

),

spanning as (

    select
        sessions.session,
        count(*) as expected_count
    from sessions
    inner join spans
        on sessions.session between spans.first_session and spans.last_session
    group by sessions.session

),

other_securities as (

    select
        symbol,
        max(session) as until_session
    from findings
    where
        rule = 'other_security_before'
        and state <> 'accepted'
    group by symbol

),

left_out as (

    select
        symbol,
        session,
        'quarantined' as reason
    from findings
    where
        treatment = 'quarantined'
        and state = 'open'
        and has_bar

    union all

    select
        bars.symbol,
        bars.session,
        'held' as reason
    from bars
    inner join {{ ref('stg_lake__verdicts') }} as verdicts
        on
            bars.symbol = verdicts.symbol
            and bars.session = verdicts.session
            and verdicts.verdict = 'hold'

    union all

    select
        bars.symbol,
        bars.session,
        'other_security' as reason
    from bars
    inner join other_securities
        on
            bars.symbol = other_securities.symbol
            and bars.session < other_securities.until_session

),

left_out_by_session as (

    select
        session,
        count(distinct symbol) as left_out_count,
        count(distinct symbol) filter (where reason = 'quarantined') as quarantined_count,
        count(distinct symbol) filter (where reason = 'held') as held_count,
        count(distinct symbol) filter (where reason = 'other_security') as other_security_count
    from left_out
    group by session

),

findings_by_session as (

    select
        session,
        count(*) as findings_count,
        count(*) filter (where state = 'open') as open_findings_count,
        count(distinct symbol) filter (
            where treatment = 'flagged' and state = 'open'
        ) as flagged_count
    from findings
    group by session

),

revisions_by_session as (

    select
        session,
        count(*) as revisions_count
    from revisions
    group by session

),

revisions_by_day as (

    -- what became known after one session and before the next one belongs to the former
    select
        sessions.session,
        count(*) as revisions_known_count
    from revisions
    asof inner join sessions
        on revisions.known_on >= sessions.session
    group by sessions.session

),

refused_by_session as (

    select
        session,
        count(*) as refused_rows_count
    from {{ ref('stg_lake__refused_rows') }}
    where session is not null
    group by session

),

judged as (

    -- by the first judgement that expected bars of the session
    select
        sessions.session,
        min(judgements.judged_at) as judged_at
    from sessions
    inner join {{ ref('stg_lake__judgements') }} as judgements
        on sessions.session <= judgements.expected_until_session
    group by sessions.session

)

select
    sessions.session,
    judged.judged_at,
    coalesce(refused_by_session.refused_rows_count, 0) as refused_rows_count,
    coalesce(spanning.expected_count, 0) as expected_count,
    coalesce(bars_by_session.bars_count, 0) as bars_count,
    coalesce(left_out_by_session.left_out_count, 0) as left_out_count,
    coalesce(left_out_by_session.quarantined_count, 0) as quarantined_count,
    coalesce(left_out_by_session.held_count, 0) as held_count,
    coalesce(left_out_by_session.other_security_count, 0) as other_security_count,
    coalesce(findings_by_session.flagged_count, 0) as flagged_count,
    coalesce(findings_by_session.findings_count, 0) as findings_count,
    coalesce(findings_by_session.open_findings_count, 0) as open_findings_count,
    coalesce(revisions_by_session.revisions_count, 0) as revisions_count,
    coalesce(revisions_by_day.revisions_known_count, 0) as revisions_known_count
from sessions
left join spanning on sessions.session = spanning.session
left join bars_by_session on sessions.session = bars_by_session.session
left join left_out_by_session on sessions.session = left_out_by_session.session
left join findings_by_session on sessions.session = findings_by_session.session
left join revisions_by_session on sessions.session = revisions_by_session.session
left join revisions_by_day on sessions.session = revisions_by_day.session
left join refused_by_session on sessions.session = refused_by_session.session
left join judged on sessions.session = judged.session
