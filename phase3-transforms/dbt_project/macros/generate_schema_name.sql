{#- Schemas are named exactly bronze, silver and gold; dbt's default would put the target's schema before them. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ var('schema_prefix') }}{{ custom_schema_name or target.schema }}
{%- endmacro %}
