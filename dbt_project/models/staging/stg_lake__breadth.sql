with source as (

    select * from {{ source('lake', 'breadth') }}

)

select
    session,
    advancing as advancing_count,
    declining as declining_count,
    unchanged as unchanged_count,
    new_highs_252 as new_highs_252_count,
    new_lows_252 as new_lows_252_count,
    above_200_share,
    symbols as symbols_count

from source
