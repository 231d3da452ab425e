-- No message of a transaction_id that Bronze held when int_transactions was built came before the one that was kept.
with

received as (

    select * from {{ ref('stg_bronze__transactions') }}

),

watermarks as (

    {{ watermarks('received', ref('int_transactions')) }}

)

select
    received.transaction_id,
    received._partition,
    received._offset
from received
inner join watermarks
    on
        received._partition = watermarks._partition
        and received._offset <= watermarks._offset
inner join {{ ref('int_transactions') }} as kept
    on received.transaction_id = kept.transaction_id
where
    row(received._kafka_timestamp, received._partition, received._offset)
    < row(kept._kafka_timestamp, kept._partition, kept._offset)
