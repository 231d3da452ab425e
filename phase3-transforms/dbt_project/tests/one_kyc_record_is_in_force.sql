-- At any moment at most one KYC record of a customer is in force: the spans follow each other without gap or overlap.
with

ordered as (

    select
        user_id,
        known_us,
        superseded_us,
        lead(known_us) over (partition by user_id order by known_us, kyc_change_id) as next_known_us
    from {{ ref('int_kyc_as_of') }}

)

select *
from ordered
where superseded_us is distinct from next_known_us
