with versions as (

    select * from {{ ref('stg_lake__bar_versions') }}

),

revised as (

    select symbol, session
    from versions
    group by symbol, session
    having count(*) > 1

),

consecutive as (

    select
        versions.*,
        lag(versions) over (
            partition by versions.symbol, versions.session order by versions.known_at
        ) as previous
    from versions
    inner join revised
        on
            versions.symbol = revised.symbol
            and versions.session = revised.session

),

by_field as (

    select
        symbol,
        session,
        known_at,
        previous.known_at as previous_known_at,
        case
            when is_withdrawn then 'withdrawn'
            when previous.is_withdrawn then 'returned'
            when
                (open_usd, high_usd, low_usd, close_usd, volume_shares)
                is not distinct from (
                    previous.open_usd,
                    previous.high_usd,
                    previous.low_usd,
                    previous.close_usd,
                    previous.volume_shares
                )
                then 'adjusted'
            else 'restated'
        end as kind,
        source,
        previous.source as previous_source,
        unnest(
            [
                {'field': 'open', 'previous_value': previous.open_usd, 'value': open_usd},
                {'field': 'high', 'previous_value': previous.high_usd, 'value': high_usd},
                {'field': 'low', 'previous_value': previous.low_usd, 'value': low_usd},
                {'field': 'close', 'previous_value': previous.close_usd, 'value': close_usd},
                {
                    'field': 'adj_close',
                    'previous_value': previous.adj_close_usd,
                    'value': adj_close_usd
                },
                {'field': 'volume', 'previous_value': previous.volume_shares, 'value': volume_shares}
            ],
            recursive := true
        )
    from consecutive
    where previous is not null

)

select
    symbol,
    session,
    known_at,
    field,
    kind,
    previous_value,
    value,
    (value / nullif(previous_value, 0) - 1) * 10000 as difference_bps,
    source,
    previous_source,
    previous_known_at
from by_field
where value is distinct from previous_value
