{#-
    Whether a row of `received` is not the message that `kept` holds of the same id: a repetition, then. False where
    `kept` has nothing of the id.
-#}
{% macro is_another_message(received, kept) -%}
    coalesce(
        {{ received }}._partition <> {{ kept }}._partition
        or {{ received }}._offset <> {{ kept }}._offset,
        false
    )
{%- endmacro %}
