with source as (

    select * from {{ source('lake', 'decisions') }}

)

select
    portfolio,
    session,
    symbol,
    decision,
    held as held_quantity,
    desired as desired_quantity
from source
