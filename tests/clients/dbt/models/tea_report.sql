{{ config(materialized='view') }}
select f.code, s.origin, sum(f.quantity) as sold, sum(f.total) as revenue
from {{ ref('order_facts') }} f
left join {{ ref('origins') }} s on s.code = f.code
group by 1, 2
