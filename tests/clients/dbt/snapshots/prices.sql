{% snapshot prices %}
{{ config(unique_key='code', strategy='check', check_cols=['price']) }}
select code, price from {{ source('shop', 'teas') }}
{% endsnapshot %}
