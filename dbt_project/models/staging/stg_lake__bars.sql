with versions as (

    select * from {{ ref('stg_lake__bar_versions') }}

)

select * exclude (is_withdrawn)
from versions
qualify
    row_number() over (partition by symbol, session order by known_at desc) = 1
    and not is_withdrawn
