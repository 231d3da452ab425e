{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='login_id',
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['event_date']"},
    )
}}

with

received as (

    select * from {{ ref('stg_bronze__logins') }}

),

{% if is_incremental() %}

kept as (

    select
        login_id,
        _kafka_timestamp,
        _partition,
        _offset
    from {{ this }}

),

watermarks as (

    {{ watermarks('received', this) }}

),

new_rows as (

    select received.*
    from received
    inner join watermarks
        on
            received._partition = watermarks._partition
            and received._offset > watermarks._offset

),

{% else %}

new_rows as (

    select * from received

),

{% endif %}

ranked as (

    select
        *,
        row_number() over (
            partition by login_id
            order by _kafka_timestamp, _partition, _offset
        ) as arrival
    from new_rows

),

firsts as (

    select
        login_id,
        event_time,
        event_us,
        event_date,
        user_id,
        device_id,
        ip_hash,
        outcome,
        coalesce(outcome in ({{ fraud_features_failed_outcomes() }}), false) as is_failure,
        country,
        _kafka_timestamp,
        _partition,
        _offset
    from ranked
    where arrival = 1

),

{% if is_incremental() %}

-- A duplicate that comes later never replaces the first. Bronze may land one partition before another, so a row
-- that was first at the broker can also arrive here second: then it takes the place of the other.
final as (

    select firsts.*
    from firsts
    left join kept
        on firsts.login_id = kept.login_id
    where
        kept.login_id is null
        or row(firsts._kafka_timestamp, firsts._partition, firsts._offset)
        < row(kept._kafka_timestamp, kept._partition, kept._offset)

)

{% else %}

final as (

    select * from firsts

)

{% endif %}

select * from final
