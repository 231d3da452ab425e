{%- set ids = {
    'logins': 'login_id',
    'card_events': 'card_event_id',
    'kyc_profiles': 'kyc_change_id',
    'external_alerts': 'alert_id',
} %}

with

renamed as (

    {% for table, id_field in ids.items() %}
    select
        ---------- ids
        {{ id_field }} as message_id,

        ---------- kafka coordinates
        {{ utc_timestamp('_kafka_timestamp') }} as _kafka_timestamp,
        _topic,
        _partition,
        _offset,

        ---------- arrival
        {{ utc_timestamp('_ingested_at') }} as _ingested_at

    from {{ source('bronze', table) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from renamed
