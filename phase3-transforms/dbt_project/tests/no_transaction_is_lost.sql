-- Every transaction_id that Bronze held when int_transactions was built is in it. Bronze grows on while this test
-- runs, so only rows up to the model's own offsets are compared.
with

received as (

    select * from {{ ref('stg_bronze__transactions') }}

),

watermarks as (

    {{ watermarks('received', ref('int_transactions')) }}

)

select distinct received.transaction_id
from received
inner join watermarks
    on
        received._partition = watermarks._partition
        and received._offset <= watermarks._offset
left join {{ ref('int_transactions') }} as kept
    on received.transaction_id = kept.transaction_id
where kept.transaction_id is null
