{{ config(materialized='incremental', unique_key='order_id') }}
select order_id, code, total, placed
from {{ ref('order_facts') }}
{% if is_incremental() %}
where placed >= (select max(placed) from {{ this }})
{% endif %}
