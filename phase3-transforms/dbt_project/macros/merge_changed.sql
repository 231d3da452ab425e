{#-
    Incremental strategy `merge_changed`, for aggregates. The model keeps, in `_fingerprint`, an order-free checksum
    of the facts that each row was computed from. An incremental run gives one row for each key whose checksum is no
    longer the stored one: with the new values, or with a null fingerprint where no fact is left under the key. Late,
    replaced and vanished facts all show, and the table is what a rebuild would make; in one commit.
-#}
{% macro get_incremental_merge_changed_sql(arg_dict) -%}
    {%- set keys = [arg_dict['unique_key']] if arg_dict['unique_key'] is string else arg_dict['unique_key'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}

    merge into {{ arg_dict['target_relation'] }} as stored
    using {{ arg_dict['temp_relation'] }} as computed
        on {% for key in keys %}stored.{{ key }} = computed.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    when matched and computed._fingerprint is null then delete
    when matched then update set
        {% for column in columns -%}
        {{ column }} = computed.{{ column }}{{ ', ' if not loop.last }}
        {%- endfor %}
    when not matched and computed._fingerprint is not null then insert ({{ columns | join(', ') }})
    values (
        {%- for column in columns -%}
        computed.{{ column }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}


{#- The keys whose fingerprint in `facts` (one row per key) differs from the stored one, gone ones included. -#}
{% macro changed_keys(facts, keys, model) -%}
    select
        {% for key in keys -%}
        coalesce({{ facts }}.{{ key }}, stored.{{ key }}) as {{ key }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ facts }}
    full outer join {{ model }} as stored
        on
            {% for key in keys -%}
            {{ 'and ' if not loop.first }}{{ facts }}.{{ key }} = stored.{{ key }}
            {% endfor %}
    where {{ facts }}._fingerprint is distinct from stored._fingerprint
{%- endmacro %}


{#- The rows of merge_changed come from a view, as with the adapter's own merge: one statement reads them, once. -#}
{% macro get_incremental_tmp_relation_type(strategy, unique_key, language) -%}
    {{ return('view' if strategy in ('merge', 'merge_changed') else 'table') }}
{%- endmacro %}
