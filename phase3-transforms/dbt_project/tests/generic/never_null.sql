{#- For columns of views: a table's own NOT NULL columns refuse a null themselves, so no test need look for one. -#}
{% test never_null(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where {{ columns | join(' is null or ') }} is null
{% endtest %}
