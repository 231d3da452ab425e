{#-
    A table that is rebuilt whole keeps its contract and is one commit all the same. The adapter creates a table under a
    contract empty and fills it by a second statement: who reads between the two would meet nothing. Not null is held by
    tests here, since a table that is created from a query takes no constraints.
-#}
{% macro trino__create_table_as(temporary, relation, sql, on_exists=none) -%}
    {%- if config.get('materialized') == 'table' and config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(sql) }}
    create{{ ' or replace' if on_exists == 'replace' }} table {{ relation }}
    {{ comment(model.get('description')) }}
    {{ properties(temporary) }}
    as (
        {{ get_select_subquery(sql) }}
    )
    {%- else -%}
    {{ dbt.trino__create_table_as(temporary, relation, sql, on_exists) }}
    {%- endif -%}
{%- endmacro %}
