{#-
    In the place of dbt's own. Grouping by every id keeps all of them in memory; so only those are compared whose hash, a
    number of eight bytes, comes more than once.
-#}
{% test unique(model, column_name) %}
    with

    hashed as (

        select
            {{ column_name }},
            from_big_endian_64(xxhash64(to_utf8(cast({{ column_name }} as varchar)))) as _hash
        from {{ model }}
        where {{ column_name }} is not null

    ),

    repeated as (

        select _hash
        from hashed
        group by _hash
        having count(*) > 1

    )

    select
        {{ column_name }},
        count(*) as occurrences
    from hashed
    where _hash in (select repeated._hash from repeated)
    group by {{ column_name }}
    having count(*) > 1
{% endtest %}
