-- At any moment exactly one label of a payment is in force: the spans follow each other without gap or overlap.
with

ordered as (

    select
        transaction_id,
        known_us,
        superseded_us,
        lead(known_us) over (partition by transaction_id order by known_us, label_id) as next_known_us
    from {{ ref('int_labels_as_of') }}

)

select *
from ordered
where superseded_us is distinct from next_known_us
