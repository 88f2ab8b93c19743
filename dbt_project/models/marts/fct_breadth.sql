with breadth as (

    select * from {{ ref('stg_lake__breadth') }}

)

select
    session,
    advancing_count,
    declining_count,
    unchanged_count,
    new_highs_252_count,
    new_lows_252_count,
    above_200_share,
    symbols_count,
    sum(advancing_count - declining_count) over (order by session) as advance_decline_line
from breadth
