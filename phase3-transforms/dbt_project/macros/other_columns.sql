{#-
    A feature more or less is a column more or less in tables that hold history. Where a model says
    `rebuilt_with_columns`, the next run builds such a table from nothing, as a full refresh does; every other model fails
    instead (`on_schema_change`), since there a changed column is a change of contract that somebody has to decide on.
-#}
{% macro has_other_columns(relation) -%}
    {%- if not config.get('rebuilt_with_columns', false) -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set stored = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | sort -%}
    {#- Trino names no columns of a table whose log it cannot read: that is no reason to throw the history away -#}
    {%- if execute and not stored -%}
        {{ exceptions.raise_compiler_error(
            relation ~ ': Trino names no columns of it, so its log could not be read; look at Trino\'s log and run again'
        ) }}
    {%- endif -%}
    {{ return(stored != model.columns.keys() | map('lower') | sort) }}
{%- endmacro %}


{#- In place of dbt's own: a table that is built from nothing is not incremental to its SQL either. -#}
{% macro is_incremental() -%}
    {{ return(dbt.is_incremental() and not has_other_columns(this)) }}
{%- endmacro %}
