select *
from {{ ref('stg_lake__snapshots') }}
where nav_usd <> cash_usd + positions_value_usd
