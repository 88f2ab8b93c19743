with findings as (

    select * from {{ ref('fct_bar_findings') }}

)

select
    session,
    rule,
    count(*) as findings_count,
    count(distinct symbol) as symbols_count,
    count(*) filter (where treatment = 'quarantined') as quarantined_count,
    count(*) filter (where treatment = 'flagged') as flagged_count,
    count(*) filter (where state = 'open') as open_count,
    count(*) filter (where state = 'accepted') as accepted_count,
    count(*) filter (where state = 'replaced') as replaced_count,
    count(*) filter (where state = 'held') as held_count
from findings
group by session, rule
