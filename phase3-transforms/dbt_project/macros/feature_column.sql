{#-
    The column of a feature, by the parts of its name: features are spelled in features.py alone. A name that is not
    defined there stops the compilation.
-#}
{% macro feature_column(entity, what, aggregate=none, window=none) -%}
    {%- set name = [entity, what, aggregate, window] | select | join('_') -%}
    {%- if "'" ~ name ~ "'" not in fraud_features_names() -%}
        {{ exceptions.raise_compiler_error('no feature ' ~ name ~ ': fraud-features catalogue lists them') }}
    {%- endif -%}
    {{ name }}
{%- endmacro %}
