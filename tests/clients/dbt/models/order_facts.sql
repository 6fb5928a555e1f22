{{ config(materialized='table', indexes=[{'columns': ['order_id'], 'unique': true}]) }}
select o.id as order_id, o.code, t.name, o.quantity, o.total, o.placed
from {{ source('shop', 'orders') }} o
join {{ source('shop', 'teas') }} t on t.code = o.code
