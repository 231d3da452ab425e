{{ config(materialized='table') }}

with

landing as (

    select * from {{ ref('int_landing_by_partition') }}

),

final as (

    select
        arrival_date,
        topic,
        outcome,
        reason,
        sum(message_count) as message_count,
        max(newest_arrival_at) as newest_arrival_at
    from landing
    group by arrival_date, topic, outcome, reason

)

select * from final
