{{ config(materialized='ephemeral') }}
select * from {{ ref('order_facts') }} where total > 100
