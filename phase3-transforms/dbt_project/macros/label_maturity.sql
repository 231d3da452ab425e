{#- Days after which the labels of a payment are taken as complete. -#}
{% macro label_maturity_days() -%}
    {{ env_var('FRAUD_FEATURES_LABEL_MATURITY_DAYS', '7') | int }}
{%- endmacro %}


{#- The same in microseconds. -#}
{% macro label_maturity_us() -%}
    {{ (env_var('FRAUD_FEATURES_LABEL_MATURITY_DAYS', '7') | int) * 86400000000 }}
{%- endmacro %}
