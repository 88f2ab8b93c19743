with bars as (

    select * from {{ ref('stg_lake__bars') }}

),

reference_bars as (

    select * from {{ ref('stg_lake__reference_bars') }}

),

compared as (

    select
        bars.symbol,
        bars.session,
        reference_bars.source as reference_source,
        bars.source,
        {%- for field in ['open', 'high', 'low', 'close'] %}
        bars.{{ field }}_usd,
        reference_bars.{{ field }}_usd as reference_{{ field }}_usd,
        (bars.{{ field }}_usd / nullif(reference_bars.{{ field }}_usd, 0) - 1)
        * 10000 as {{ field }}_difference_bps,
        {%- endfor %}
        bars.volume_shares / nullif(reference_bars.volume_shares, 0) as volume_ratio
    from bars
    inner join reference_bars
        on
            bars.symbol = reference_bars.symbol
            and bars.session = reference_bars.session
            -- a source that agrees with itself confirms nothing
            and bars.source <> reference_bars.source

)

select
    *,
    coalesce(
        abs(open_difference_bps) > {{ var('vendor_tolerance_bps') }}
        or abs(close_difference_bps) > {{ var('vendor_tolerance_bps') }}
        or abs(high_difference_bps) > {{ var('vendor_range_tolerance_bps') }}
        or abs(low_difference_bps) > {{ var('vendor_range_tolerance_bps') }},
        -- a price that cannot be compared is no agreement
        true
    ) as is_beyond_tolerance
from compared
