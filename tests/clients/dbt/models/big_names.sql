{{ config(materialized='table') }}
select distinct name from {{ ref('big_orders') }}
