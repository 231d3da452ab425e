{#-
    The moment from which an incremental run asks PostgreSQL for decisions: an hour before the newest one that the model
    has; none for a build from nothing and while the model is empty. A literal, so that PostgreSQL's index answers it.
    The time of a record is taken when its statement begins, which takes far less than an hour to become visible.
-#}
{% macro decisions_taken_up_to() -%}
    {%- if not is_incremental() or not execute -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set query -%}
        select cast(max(decided_at) - interval '1' hour as varchar) from {{ this }}
    {%- endset -%}
    {{ return(run_query(query).columns[0].values()[0]) }}
{%- endmacro %}
