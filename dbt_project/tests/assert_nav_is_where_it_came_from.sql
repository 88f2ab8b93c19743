-- NAV = initial capital + flows + realised + unrealised + dividends + cash in lieu - commissions,
-- to the last 1/10,000 dollar.
select *
from {{ ref('stg_lake__snapshots') }}
where
    nav_usd <> initial_capital_usd + flows_usd + realised_usd + unrealised_usd
    + dividends_usd + cash_in_lieu_usd - commissions_usd
