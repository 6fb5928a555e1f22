select * from {{ ref('order_facts') }} where total <= 0
