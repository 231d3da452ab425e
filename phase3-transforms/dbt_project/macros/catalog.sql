{#-
    What `dbt docs` tells of the tables of some schemas, without their comments, which are our own descriptions. The
    adapter asks for the comments beside the columns. Trino looks at a Delta table for each of the two, and leaves out of
    its answer one that got a new version in between: beside a running pipeline that was every fifth. Asked for
    relation by relation instead of by schema, Trino 476 joins the views alone.
-#}
{% macro trino__get_catalog_relations(information_schema, relations) -%}
    {%- set schemas = relations | map(attribute='schema') | unique | list -%}
    {%- set query -%}
        with

        tables as (

            {{ trino__get_catalog_tables_sql(information_schema) }}
            {{ trino__get_catalog_schemas_where_clause_sql(schemas) }}

        ),

        columns as (

            {{ trino__get_catalog_columns_sql(information_schema) }}
            {{ trino__get_catalog_schemas_where_clause_sql(schemas) }}

        )

        select
            table_database,
            table_schema,
            table_name,
            table_type,
            table_owner,
            column_name,
            column_index,
            column_type,
            column_comment,
            null as "table_comment"
        from tables
        inner join columns using ("table_database", "table_schema", "table_name")
        order by "column_index"
    {%- endset -%}
    {{ return(run_query(query)) }}
{%- endmacro %}
