select
    portfolio,
    session,
    count(*) as rows_count
from {{ ref('fct_daily_performance') }}
group by portfolio, session
having count(*) > 1
