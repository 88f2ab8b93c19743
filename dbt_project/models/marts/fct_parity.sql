select
    books.environment,
    parity.portfolio,
    parity.session,
    parity.nav_usd,
    parity.backtest_nav_usd,
    parity.gap_usd,
    parity.gap_data_usd,
    parity.gap_timing_usd,
    parity.gap_price_usd,
    parity.gap_overrides_usd,
    parity.gap_missed_trades_usd,
    parity.gap_rounding_usd,
    cast(parity.gap_usd as double) / nullif(cast(parity.nav_usd as double), 0) * 1e4 as gap_bps
from {{ ref('stg_lake__parity') }} as parity
inner join {{ ref('stg_ledger__portfolios') }} as books
    on parity.portfolio = books.portfolio
