-- Every message that Bronze and quarantine held when int_landing_by_partition was built is counted once in
-- mart_landing_daily: landed and repeated are the rows of Bronze, quarantined those of quarantine. Both grow on while
-- this test runs, so only rows up to the model's own offsets are compared, and all that arrived an hour before its
-- newest row: a topic, a partition or the end of one that it left out altogether has no such offset.
with

bronze as (

    select
        _topic,
        _partition,
        _offset,
        _ingested_at
    from {{ ref('stg_bronze__transactions') }}
    union all
    select
        _topic,
        _partition,
        _offset,
        _ingested_at
    from {{ ref('stg_bronze__labels') }}
    union all
    select
        _topic,
        _partition,
        _offset,
        _ingested_at
    from {{ ref('stg_bronze__other_messages') }}

),

stored as (

    select
        *,
        'bronze' as side
    from bronze
    union all
    select
        _topic,
        _partition,
        _offset,
        _ingested_at,
        'quarantine' as side
    from {{ ref('stg_bronze__quarantine') }}

),

landing as (

    select
        *,
        if(outcome = 'quarantined', 'quarantine', 'bronze') as side
    from {{ ref('int_landing_by_partition') }}

),

reached as (

    select
        topic,
        _partition,
        side,
        max(_offset) as _offset
    from landing
    group by topic, _partition, side

),

newest as (

    select max(newest_arrival_at) as newest_arrival_at from landing

),

expected as (

    select
        stored._topic as topic,
        stored.side,
        count(*) as message_count
    from stored
    cross join newest
    left join reached
        on
            stored._topic = reached.topic
            and stored._partition = reached._partition
            and stored.side = reached.side
    where
        stored._offset <= reached._offset
        or stored._ingested_at < newest.newest_arrival_at - interval '1' hour
    group by stored._topic, stored.side

),

daily as (

    select
        *,
        if(outcome = 'quarantined', 'quarantine', 'bronze') as side
    from {{ ref('mart_landing_daily') }}

),

counted as (

    select
        topic,
        side,
        sum(message_count) as message_count
    from daily
    group by topic, side

)

select
    expected.topic,
    expected.side,
    expected.message_count as expected_count,
    counted.topic as counted_topic,
    counted.side as counted_side,
    counted.message_count as counted_count
from expected
full outer join counted
    on
        expected.topic = counted.topic
        and expected.side = counted.side
where expected.message_count is distinct from counted.message_count
