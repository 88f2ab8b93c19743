with findings as (

    select * from {{ ref('stg_lake__findings') }}

),

bars as (

    select symbol, session from {{ ref('stg_lake__bars') }}

),

verdicts as (

    select * from {{ ref('stg_lake__verdicts') }}

),

with_verdicts as (

    select
        findings.*,
        bars.symbol is not null as has_bar,
        verdicts.verdict,
        verdicts.author,
        verdicts.reason,
        verdicts.decided_at,
        case
            -- it doubts the bar, whatever its numbers are
            when verdicts.verdict = 'hold' and bars.symbol is not null then 'held'
            when verdicts.verdict = 'accept' and verdicts.bar_hash = findings.bar_hash
                then 'accepted'
            -- the gate judged the replacement, known since the decision, in place of the bar
            when verdicts.verdict = 'replace' and verdicts.decided_at = findings.bar_known_at
                then 'replaced'
            else 'open'
        end as state
    from findings
    left join bars
        on
            findings.symbol = bars.symbol
            and findings.session = bars.session
    left join verdicts
        on
            findings.symbol = verdicts.symbol
            and findings.session = verdicts.session

)

select
    symbol,
    session,
    rule,
    evidence,
    threshold,
    severity,
    treatment,
    state,
    case when state <> 'open' then verdict end as verdict,
    case when state <> 'open' then author end as verdict_author,
    case when state <> 'open' then reason end as verdict_reason,
    case when state <> 'open' then decided_at end as verdict_decided_at,
    state = 'open' and verdict is not null as has_outdated_verdict,
    has_bar,
    bar_hash,
    bar_known_at
from with_verdicts
