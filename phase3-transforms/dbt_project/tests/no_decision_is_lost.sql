-- Every decision is in Gold, but for those of the hour before its newest one, which the next run asks for again.
with

newest as (

    select max(decided_at) as decided_at from {{ ref('mart_decisions') }}

)

select decisions.transaction_id
from {{ ref('int_decisions_opened') }} as decisions
cross join newest
left join {{ ref('mart_decisions') }} as kept
    on decisions.transaction_id = kept.transaction_id
where kept.transaction_id is null and decisions.decided_at < newest.decided_at - interval '1' hour
