{{ config(materialized='table') }}

{#-
    Rebuilt whole on each run: a message that landed turns out to be a repetition when Bronze lands, later, one of the
    same id that the broker took before it. Of each message only its id and its coordinates are read, Parquet columns
    that lie apart from the rest, so a full count is affordable at ten times the data as well.
-#}

with

received_transactions as (

    select * from {{ ref('stg_bronze__transactions') }}

),

kept_transactions as (

    select * from {{ ref('int_transactions') }}

),

received_labels as (

    select * from {{ ref('stg_bronze__labels') }}

),

kept_labels as (

    select * from {{ ref('int_labels_as_of') }}

),

other_messages as (

    select * from {{ ref('stg_bronze__other_messages') }}

),

quarantine as (

    select * from {{ ref('stg_bronze__quarantine') }}

),

-- Whatever Silver did not keep of an id is a repetition. What Bronze landed since Silver was built counts as landed
-- until the next run.
transactions as (

    select
        received_transactions._topic,
        received_transactions._partition,
        received_transactions._offset,
        received_transactions._ingested_at,
        {{ is_another_message('received_transactions', 'kept_transactions') }} as is_repeated
    from received_transactions
    left join kept_transactions
        on received_transactions.transaction_id = kept_transactions.transaction_id

),

labels as (

    select
        received_labels._topic,
        received_labels._partition,
        received_labels._offset,
        received_labels._ingested_at,
        {{ is_another_message('received_labels', 'kept_labels') }} as is_repeated
    from received_labels
    left join kept_labels
        on received_labels.label_id = kept_labels.label_id

),

-- no model of Silver keeps one message of an id for these topics, so the first at the broker is found here
others as (

    select
        _topic,
        _partition,
        _offset,
        _ingested_at,
        row_number() over (
            partition by _topic, message_id
            order by _kafka_timestamp, _partition, _offset
        ) > 1 as is_repeated
    from other_messages

),

bronze as (

    select * from transactions
    union all
    select * from labels
    union all
    select * from others

),

messages as (

    select
        _topic as topic,
        _partition,
        _offset,
        _ingested_at,
        cast(if(is_repeated, 'repeated', 'landed') as varchar) as outcome,
        cast('' as varchar) as reason
    from bronze
    union all
    select
        _topic as topic,
        _partition,
        _offset,
        _ingested_at,
        cast('quarantined' as varchar) as outcome,
        -- of several reasons the first: checks are made in one order, and so each message is counted once
        coalesce(element_at(reasons, 1), '') as reason
    from quarantine

),

dated as (

    select
        *,
        cast(_ingested_at as date) as arrival_date
    from messages

),

final as (

    select
        arrival_date,
        topic,
        _partition,
        outcome,
        reason,
        count(*) as message_count,
        max(_ingested_at) as newest_arrival_at,
        max(_offset) as _offset
    from dated
    group by arrival_date, topic, _partition, outcome, reason

)

select * from final
