with

source as (

    select * from {{ source('bronze', 'quarantine') }}

),

renamed as (

    select
        ---------- why
        reasons,

        ---------- kafka coordinates
        _topic,
        _partition,
        _offset,

        ---------- arrival
        {{ utc_timestamp('_ingested_at') }} as _ingested_at

    from source

)

select * from renamed
