-- The tour of Steward: an hour of a data steward's work on the sample shop, in plain SQL.
-- 数据管家之旅：在示例商店上走一遍建表、装载、盘点、分类、质量、预测、检索与脱敏。
--
--   psql -h 127.0.0.1 -p 5454 -f sql/tour.sql        on a fresh database; server and psql both from the project's folder
--
-- Chapters 1 to 3 are PostgreSQL's own SQL and give the same answers there. Chapters 4 to 10 are Steward's.
-- What the data are, whose they are and under which licence: shop/README.md.

\echo
\echo 'Chapter 1. Tables, filled from files   第一章：建表与装载'
\echo

-- Products 商品: 3,227 real stock codes of a British gift shop and 173 Chinese products written for this tour.
CREATE TABLE products (
    sku         text PRIMARY KEY,
    title       text,
    price       numeric(12,2),
    currency    text,
    lang        text NOT NULL,
    first_seen  date,
    origin      text NOT NULL
);

-- Transactions 交易: the order lines of October to December 2011, cancellations (invoice C...) included.
CREATE TABLE order_lines (
    line_id      integer PRIMARY KEY,
    invoice_no   text NOT NULL,
    sku          text NOT NULL,
    description  text,
    quantity     integer NOT NULL,
    ordered_at   timestamp NOT NULL,
    unit_price   numeric(10,2) NOT NULL,
    customer_id  integer,
    country      text
);

-- Customers 客户: every person here is invented.
CREATE TABLE customers (
    customer_id  integer PRIMARY KEY,
    name         text,
    email        text,
    phone        text,
    id_number    text,
    address      text,
    lang         text NOT NULL,
    joined_on    date
);

-- User behaviour 用户行为: one row per visit of a web shop, and whether it ended in a purchase.
CREATE TABLE visits (
    visit_id          integer PRIMARY KEY,
    admin_pages       integer,
    admin_seconds     double precision,
    info_pages        integer,
    info_seconds      double precision,
    product_pages     integer,
    product_seconds   double precision,
    bounce_rate       double precision,
    exit_rate         double precision,
    page_value        double precision,
    special_day       double precision,
    month             integer,
    operating_system  integer,
    browser           integer,
    region            integer,
    traffic_type      integer,
    visitor_type      text,
    weekend           integer,
    bought            integer
);

-- Advertising 广告点击: 60,000 impressions of a fashion shop with their clicks.
CREATE TABLE ads (
    ad_id     text PRIMARY KEY,
    campaign  text NOT NULL,
    quality   double precision,
    kind      text,
    style     text,
    maker     text
);

CREATE TABLE ad_slots (
    ad_id  text NOT NULL,
    slot   integer NOT NULL,
    share  double precision NOT NULL,
    PRIMARY KEY (ad_id, slot)
);

CREATE TABLE audiences (
    audience_id  integer PRIMARY KEY,
    trait_1      text,
    trait_2      text,
    trait_3      text,
    trait_4      text
);

CREATE TABLE ad_impressions (
    impression_id  integer PRIMARY KEY,
    shown_at       timestamp NOT NULL,
    campaign       text NOT NULL,
    policy         text NOT NULL,
    ad_id          text NOT NULL,
    slot           integer NOT NULL,
    audience_id    integer NOT NULL,
    affinity       integer NOT NULL,
    affinity_all   integer NOT NULL,
    propensity     double precision NOT NULL,
    clicked        integer NOT NULL
);

-- Supply chain 供应链: order items with planned and real days of shipping.
CREATE TABLE shipments (
    order_item_id    integer PRIMARY KEY,
    order_id         integer NOT NULL,
    ordered_at       timestamp NOT NULL,
    shipped_at       timestamp,
    days_real        integer,
    days_planned     integer,
    delivery_status  text,
    late             integer,
    shipping_mode    text,
    market           text,
    region           text,
    country          text,
    city             text,
    department       text,
    category         text,
    product          text,
    price            numeric(10,2),
    quantity         integer,
    discount_rate    numeric(4,2),
    total            numeric(10,2),
    order_status     text
);

-- Marketing 营销: telephone calls of a campaign and whether the offer was accepted.
CREATE TABLE campaign_calls (
    call_id          integer PRIMARY KEY,
    age              integer,
    job              text,
    marital          text,
    education        text,
    in_default       text,
    balance          integer,
    housing          text,
    loan             text,
    channel          text,
    day              integer,
    month            text,
    duration         integer,
    calls            integer,
    pdays            integer,
    earlier_calls    integer,
    earlier_outcome  text,
    accepted         text
);

-- Help pages of the shop 帮助中心, in Chinese and English, each under the topic that its editor chose.
CREATE TABLE articles (
    article_id  text PRIMARY KEY,
    lang        text NOT NULL,
    title       text NOT NULL,
    body        text NOT NULL,
    topic       text NOT NULL
);

-- The shelves of 59 much ordered British products, sorted by hand for this tour 人工分类.
CREATE TABLE shelves (
    sku    text PRIMARY KEY,
    shelf  text NOT NULL
);

CREATE TABLE currencies (
    code     text PRIMARY KEY,
    name     text NOT NULL,
    name_zh  text NOT NULL,
    in_cny   numeric(10,4) NOT NULL
);

\copy products FROM 'shop/tables/products.csv' WITH (FORMAT csv, HEADER true)
\copy order_lines FROM 'shop/tables/order_lines.csv' WITH (FORMAT csv, HEADER true)
\copy customers FROM 'shop/tables/customers.csv' WITH (FORMAT csv, HEADER true)
\copy visits FROM 'shop/tables/visits.csv' WITH (FORMAT csv, HEADER true)
\copy ads FROM 'shop/tables/ads.csv' WITH (FORMAT csv, HEADER true)
\copy ad_slots FROM 'shop/tables/ad_slots.csv' WITH (FORMAT csv, HEADER true)
\copy audiences FROM 'shop/tables/audiences.csv' WITH (FORMAT csv, HEADER true)
\copy ad_impressions FROM 'shop/tables/ad_impressions.csv' WITH (FORMAT csv, HEADER true)
\copy shipments FROM 'shop/tables/shipments.csv' WITH (FORMAT csv, HEADER true)
\copy campaign_calls FROM 'shop/tables/campaign_calls.csv' WITH (FORMAT csv, HEADER true)
\copy articles FROM 'shop/tables/articles.csv' WITH (FORMAT csv, HEADER true)
\copy shelves FROM 'shop/tables/shelves.csv' WITH (FORMAT csv, HEADER true)

-- COPY takes rows from the script itself as well; the rates are round numbers for the tour.
COPY currencies (code, name, name_zh, in_cny) FROM STDIN WITH (FORMAT csv, HEADER true);
code,name,name_zh,in_cny
CNY,Renminbi,人民币,1
GBP,Pound sterling,英镑,9.2
EUR,Euro,欧元,7.8
"USD","US dollar, spot",美元,7.1
\.

INSERT INTO currencies (code, name, name_zh, in_cny) VALUES ('JPY', 'Yen', '日元', 0.0475), ('HKD', 'Hong Kong dollar', '港元', 0.91);

SELECT code, name, name_zh, in_cny FROM currencies ORDER BY in_cny DESC;

\echo
\echo 'Chapter 2. Questions   第二章：查询'
\echo

-- What did each country buy, net of cancellations?
SELECT country, count(*) AS lines, count(DISTINCT invoice_no) AS invoices,
       sum(quantity * unit_price)::numeric(12,2) AS revenue
FROM order_lines
GROUP BY country
ORDER BY revenue DESC
LIMIT 6;

-- 各语种商品：数量、折合人民币均价（联接汇率表）。中文商品均价高得离谱，原因见第七章：一条坏数据就够了。
SELECT p.lang, c.name_zh, count(*) AS products, avg(p.price * c.in_cny)::numeric(12,2) AS mean_price_cny
FROM products p
JOIN currencies c ON c.code = p.currency
GROUP BY p.lang, c.name_zh
ORDER BY p.lang;

-- Whose currency is not in the list? An orphan that a foreign key would have refused.
SELECT p.sku, p.title, p.currency
FROM products p
LEFT JOIN currencies c ON c.code = p.currency
WHERE c.code IS NULL
ORDER BY p.sku;

-- The best customers, ranked by what they spent, net of what they sent back.
SELECT c.customer_id, c.name, sum(o.quantity * o.unit_price)::numeric(12,2) AS revenue,
       rank() OVER (ORDER BY sum(o.quantity * o.unit_price) DESC) AS place
FROM customers c
JOIN order_lines o ON o.customer_id = c.customer_id
GROUP BY c.customer_id, c.name
ORDER BY place, c.customer_id
LIMIT 5;

-- Revenue by day, beside its running total and the day before: window functions over an aggregate.
WITH daily AS (
    SELECT ordered_at::date AS day, sum(quantity * unit_price)::numeric(12,2) AS revenue
    FROM order_lines
    WHERE ordered_at >= timestamp '2011-12-01 00:00:00'
    GROUP BY ordered_at::date
)
SELECT day, revenue,
       sum(revenue) OVER (ORDER BY day) AS running,
       revenue - lag(revenue) OVER (ORDER BY day) AS change
FROM daily
ORDER BY day;

-- Which way of shipping keeps its promise? A CTE with shares.
WITH modes AS (
    SELECT shipping_mode, count(*) AS items, sum(late) AS late_items, avg(days_real - days_planned)::numeric(6,2) AS mean_delay
    FROM shipments
    WHERE delivery_status <> 'Shipping canceled'
    GROUP BY shipping_mode
)
SELECT shipping_mode, items, late_items, (100.0 * late_items / items)::numeric(6,2) AS late_percent, mean_delay
FROM modes
ORDER BY late_percent DESC, shipping_mode;

-- The three products of each department that sold most: a window inside a subquery.
SELECT department, place, product, total
FROM (
    SELECT department, product, sum(total) AS total,
           row_number() OVER (PARTITION BY department ORDER BY sum(total) DESC, product) AS place
    FROM shipments
    GROUP BY department, product
) ranked
WHERE place <= 3 AND department IN ('Apparel', 'Footwear')
ORDER BY department, place;

-- Clicks by campaign and by who chose the advertisement: chance, or the shop's own policy.
SELECT campaign, policy, count(*) AS impressions, sum(clicked) AS clicks,
       (100.0 * sum(clicked) / count(*))::numeric(6,3) AS ctr_percent
FROM ad_impressions
GROUP BY campaign, policy
ORDER BY campaign, policy;

-- 回访客与新访客，周末与平日，谁更愿意下单？
SELECT visitor_type, CASE WHEN weekend = 1 THEN 'weekend' ELSE 'weekday' END AS part_of_week,
       count(*) AS visits, (100.0 * sum(bought) / count(*))::numeric(6,2) AS bought_percent
FROM visits
GROUP BY visitor_type, CASE WHEN weekend = 1 THEN 'weekend' ELSE 'weekday' END
HAVING count(*) >= 100
ORDER BY bought_percent DESC;

-- Calls that were accepted, by channel and number of calls.
SELECT channel, least(calls, 4) AS calls, count(*) AS people, sum(CASE WHEN accepted = 'yes' THEN 1 ELSE 0 END) AS accepted
FROM campaign_calls
WHERE channel <> 'unknown'
GROUP BY channel, least(calls, 4)
ORDER BY channel, calls;

\echo
\echo 'Chapter 3. Changes, and changing one''s mind   第三章：修改与回滚'
\echo

-- A price rise that nobody meant: seen inside the transaction, gone after it.
BEGIN;
UPDATE products SET price = price * 100 WHERE lang = 'zh';
SELECT max(price) AS dearest_inside FROM products WHERE lang = 'zh' AND price < 1000000;
ROLLBACK;
SELECT max(price) AS dearest_after FROM products WHERE lang = 'zh' AND price < 100000;

-- A correction that is meant: the feed wrote RMB for CNY.
UPDATE products SET currency = 'CNY' WHERE currency = 'RMB';

-- A test entry that went live by mistake. 删除误上架的测试商品
DELETE FROM products WHERE title = '测试商品请勿拍';

-- Move two old help pages to an archive, both steps or neither.
CREATE TABLE articles_archive (article_id text PRIMARY KEY, lang text NOT NULL, title text NOT NULL, body text NOT NULL, topic text NOT NULL);
BEGIN;
INSERT INTO articles_archive SELECT article_id, lang, title, body, topic FROM articles WHERE title LIKE 'Assembling%' OR title LIKE 'Gift%';
DELETE FROM articles WHERE article_id IN (SELECT article_id FROM articles_archive);
COMMIT;
SELECT (SELECT count(*) FROM articles) AS live, (SELECT count(*) FROM articles_archive) AS archived;

\echo
\echo 'Chapter 4. Files outside, as assets   第四章：不搬数据，登记来源'
\echo

-- A folder of feeds becomes a schema: nothing is copied, each file is a table to be queried where it lies.
CREATE SOURCE shop_feeds TYPE files OPTIONS (path = 'shop/feeds', recursive = true);

-- JSON lines, with Chinese field names.
SELECT "商品编号", "标题", "价格", "库存" FROM shop_feeds.goods_zh ORDER BY "商品编号" LIMIT 4;

-- A comma-separated list in the old Chinese encoding GBK, found out by itself.
SELECT "商品名称", "供货价", "零售价" FROM shop_feeds.price_list_gbk ORDER BY "商品编号" LIMIT 3;

-- XML: the repeated element is the row. 盘点中账面库存为负的仓位
SELECT sku, warehouse_name, on_hand FROM shop_feeds.warehouse_stock WHERE on_hand < 0 ORDER BY sku LIMIT 5;

-- Real mess: cities of a marketplace's sellers, typed by the sellers.
SELECT seller_city, seller_state, count(*) AS sellers
FROM shop_feeds.marketplace_sellers
WHERE seller_city LIKE '%/%' OR seller_city LIKE '%-%' OR seller_city LIKE '%,%'
GROUP BY seller_city, seller_state
ORDER BY sellers DESC, seller_city
LIMIT 6;

-- A file joins a table: what the feed calls a product, and what the shop's own table says of it.
SELECT p.sku, p.price AS in_table, g."价格" AS in_feed
FROM products p
JOIN shop_feeds.goods_zh g ON g."商品编号" = p.sku
WHERE p.price IS NULL OR p.price <= 0 OR p.price > 100000
ORDER BY p.sku;

-- Pages of a web shop: the product that each describes to search engines (JSON-LD, microdata), and how many tables it has.
SELECT path, name, brand, price, currency, language, tables FROM shop_feeds.pages ORDER BY path;

-- Photographs: format and size in pixels, read from their headers.
SELECT path, format, width, height, bytes FROM shop_feeds.pictures ORDER BY path LIMIT 4;

\echo
\echo 'Chapter 5. Inventory   第五章：数据资产盘点'
\echo

INVENTORY ALL;

-- Every asset, wherever it lies: its form, its business domain, its size, how sensitive, how good, how fresh.
SELECT name, kind, structure, domain, row_count, size_bytes, sensitivity, quality::numeric(4,3) AS quality
FROM steward.assets
ORDER BY name;

-- Which column refers to which, found by names and values: nobody declared these keys.   谁引用谁：未声明的外键
SELECT from_asset, from_columns ->> 0 AS column_name, to_asset, to_columns ->> 0 AS refers_to, cardinality, support, confidence::numeric(4,2) AS confidence
FROM steward.relationships
WHERE to_asset IN ('public.ads', 'public.audiences', 'public.currencies')
ORDER BY from_asset, column_name;

-- 分域的依据：为什么说它属于这个业务域
SELECT name, domain, confidence::numeric(4,2) AS confidence, evidence
FROM steward.assets
WHERE name IN ('public.products', 'public.visits', 'public.order_lines', 'public.ad_impressions', 'public.shipments', 'public.campaign_calls')
ORDER BY name;

SELECT name, freshness FROM steward.assets WHERE name = 'public.order_lines';

-- The dictionary of one table: what each column is, and whose privacy it touches.
SELECT column_name, data_type, semantic_type, privacy_category, nulls, distincts, min, max
FROM steward.columns
WHERE asset = 'public.customers'
ORDER BY ordinal;

-- Where are personal data kept, in the whole house?
SELECT asset, column_name, semantic_type, sensitivity, confidence::numeric(4,2) AS confidence
FROM steward.columns
WHERE privacy_category IS NOT NULL AND privacy_category <> 'none'
ORDER BY asset, column_name;

\echo
\echo 'Chapter 6. What is this text?   第六章：文本分类'
\echo

-- A value's kind, by rule and checksum, with no model asked where none is needed.
SELECT value, CLASSIFY(value) AS kind
FROM (VALUES ('amelia@example.com'), ('+86 154-0000-1234'), ('￥59.00'), ('2026-02-28T10:15:00+08:00'), ('https://shop.example.com/p/ZH-001A'),
             ('浙江省杭州市西湖区示例路12号3幢401室'), ('85123A'), ('4006381333931')) AS v(value)
ORDER BY value;

-- Products by shelf, in words of one's own choosing, in both languages 标签随意，中英皆可. The judges are the shop's own category of its
-- Chinese goods and the hand-made shelves of the British ones. Every third title is shown to CLASSIFY as an example; it is judged on the others.
CREATE VIEW sorted AS
SELECT 'zh' AS lang, "商品编号" AS sku, "标题" AS title, "类目"->>1 AS shelf, row_number() OVER (ORDER BY "商品编号") AS place
FROM shop_feeds.goods_zh
WHERE "商品编号" LIKE '%A'
UNION ALL
SELECT 'en', s.sku, p.title, s.shelf, row_number() OVER (ORDER BY s.sku)
FROM shelves s
JOIN products p ON p.sku = s.sku;

CREATE TABLE answers AS
SELECT s.lang, s.sku, s.title, s.shelf, CLASSIFY(s.title, l.labels) AS untaught, CLASSIFY_DETAIL(s.title, l.labels, l.lesson) AS taught
FROM sorted s
JOIN (
    SELECT lang, array_agg(DISTINCT shelf ORDER BY shelf) AS labels,
           jsonb_build_object('examples', jsonb_agg(jsonb_build_object('input', title, 'label', shelf) ORDER BY place) FILTER (WHERE place % 3 = 0))::text AS lesson
    FROM sorted
    GROUP BY lang
) l ON l.lang = s.lang
WHERE s.place % 3 <> 0;

-- How many titles go where their keeper put them: by the labels' words alone 零样本, and with the examples 少样本. Of the answers that are
-- given a probability of one half or more, fewer are wrong.
SELECT lang, count(*) AS titles, count(DISTINCT shelf) AS shelves,
       sum(CASE WHEN untaught = shelf THEN 1 ELSE 0 END) AS untaught_right,
       sum(CASE WHEN taught->>'label' = shelf THEN 1 ELSE 0 END) AS taught_right,
       sum(CASE WHEN (taught->'scores'->>(taught->>'label'))::numeric >= 0.5 THEN 1 ELSE 0 END) AS sure,
       sum(CASE WHEN (taught->'scores'->>(taught->>'label'))::numeric >= 0.5 AND taught->>'label' = shelf THEN 1 ELSE 0 END) AS sure_and_right
FROM answers
GROUP BY lang
ORDER BY lang;

-- Some that it got right.
SELECT title, taught->>'label' AS classified
FROM answers
WHERE taught->>'label' = shelf AND untaught <> shelf
ORDER BY lang DESC, sku
LIMIT 8;

-- And all that it got wrong 分错的全部列出: it may be sure of itself and wrong, so what matters is looked at by a person.
SELECT title, shelf AS by_hand, taught->>'label' AS classified, (taught->'scores'->>(taught->>'label'))::numeric(4,2) AS probability
FROM answers
WHERE taught->>'label' <> shelf
ORDER BY lang DESC, sku;

-- The label is plain text, so it groups and compares: what are the help pages about, and does their editor agree? Untaught, both languages at once.
CREATE TABLE topics AS
SELECT article_id, title, topic, CLASSIFY(title || ' ' || body, ARRAY['delivery', 'refund or exchange', 'payment and invoice', 'care of the product', 'privacy and account']) AS classified
FROM articles;

SELECT classified, count(*) AS pages, sum(CASE WHEN classified = topic THEN 1 ELSE 0 END) AS editor_agrees
FROM topics
GROUP BY classified
ORDER BY pages DESC, classified;

SELECT article_id, title, topic AS by_editor, classified FROM topics WHERE classified <> topic ORDER BY article_id;

\echo
\echo 'Chapter 7. Is it right?   第七章：数据质量'
\echo

-- The worst rows of the catalogue, found without a single rule.
SELECT sku, title, price, currency, first_seen, QUALITY(p)::numeric(4,3) AS quality
FROM products p
ORDER BY QUALITY(p), sku
LIMIT 12;

-- Why: what is thought wrong in which column, and one row of each. Most prices of 0.00 are the wholesaler's corrections of stock, with no title or a note for one.
SELECT column_name, cell->>'why' AS why, count(*) AS rows, min(sku) AS for_example
FROM (SELECT sku, QUALITY_DETAIL(p) AS detail FROM products p WHERE QUALITY(p) < 0.5) d
CROSS JOIN LATERAL jsonb_each(d.detail) AS e(column_name, cell)
WHERE (cell->>'p_error')::numeric > 0.5
GROUP BY column_name, cell->>'why'
ORDER BY rows DESC, column_name, why;

-- 第二章均价离谱的原因在此：ZH-019B 标价 169000。The Chinese rows alone: a date in 2052, a price, a date and a title that are missing, a product
-- entered twice, a price below zero, one of zero and the one of 169,000 that made the mean in chapter 2 absurd.
SELECT sku, title, price, currency, first_seen, QUALITY(p)::numeric(4,3) AS quality
FROM products p
WHERE lang = 'zh'
ORDER BY QUALITY(p), sku
LIMIT 8;

-- Quality is a number, so it aggregates: real rows beside written ones.
SELECT origin, count(*) AS products, avg(QUALITY(p))::numeric(4,3) AS mean_quality, sum(CASE WHEN QUALITY(p) < 0.5 THEN 1 ELSE 0 END) AS doubtful
FROM products p
GROUP BY origin
ORDER BY origin;

-- A whole relation, one column of it, and the report behind the number. 完整性、唯一性、有效性、一致性、准确性、及时性
SELECT QUALITY('products')::numeric(4,3) AS products, QUALITY('products', 'title')::numeric(4,3) AS title, QUALITY('customers')::numeric(4,3) AS customers;

SELECT rule, dimension, column_name, value::numeric(8,4) AS value, threshold::numeric(8,4) AS threshold, passed, failed_rows, total_rows
FROM QUALITY_REPORT('products')
ORDER BY passed, dimension, column_name, rule
LIMIT 20;

\echo
\echo 'Chapter 8. Will it be clicked?   第八章：点击率预测'
\echo

-- First a look at the log. It has a count of the user's clicks on all items before this one, affinity_all. On most days it tells nothing; on the first
-- day every single click has one: there the count includes the click itself. A model would learn the answer from it, so it is left out. 先查数据泄漏
SELECT shown_at::date AS day, sum(clicked) AS clicks,
       sum(CASE WHEN clicked = 1 AND affinity_all > 0 THEN 1 ELSE 0 END) AS clicks_with_affinity,
       (100.0 * sum(CASE WHEN clicked = 0 AND affinity_all > 0 THEN 1 ELSE 0 END) / sum(1 - clicked))::numeric(5,2) AS percent_of_others
FROM ad_impressions
GROUP BY shown_at::date
ORDER BY day;

-- What is left to know of an impression: who, what, and how often the shop's own policy chose that item for that slot.
CREATE VIEW ad_log AS
SELECT i.impression_id, i.audience_id, i.ad_id, ln(s.share + 0.0001) AS log_share, i.clicked
FROM ad_impressions i
JOIN ad_slots s ON s.ad_id = i.ad_id AND s.slot = i.slot;

-- Clicks are one in two hundred, so half of the log is kept for the judgement: version 1 learns from the even impressions, version 2 from the odd ones.
-- A small network; no calibration, for which the dozen of clicks held back is too few. The AUC that the progress tells is of as few: chance.
CREATE MODEL ctr
OPTIONS (model_type = 'ctr', architecture = 'mlp', user_col = 'audience_id', item_col = 'ad_id', label_col = 'clicked', calibration = 'none')
AS SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 0;

CREATE OR REPLACE MODEL ctr
OPTIONS (model_type = 'ctr', architecture = 'mlp', user_col = 'audience_id', item_col = 'ad_id', label_col = 'clicked', calibration = 'none')
AS SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 1;

-- The founding form: a logistic bilinear match of the audience's side with the advertisement's.
CREATE MODEL ctr_bilinear
OPTIONS (model_type = 'ctr', architecture = 'bilinear', user_col = 'audience_id', item_col = 'ad_id', item_features = 'log_share', label_col = 'clicked', calibration = 'none')
AS SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 0;

CREATE OR REPLACE MODEL ctr_bilinear
OPTIONS (model_type = 'ctr', architecture = 'bilinear', user_col = 'audience_id', item_col = 'ad_id', item_features = 'log_share', label_col = 'clicked', calibration = 'none')
AS SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 1;

-- Each version on the half that it has not seen, together all 287 clicks. With so few, an AUC is sure to 0.024: these lie two to three times as
-- far above the constant's 0.5, and the log-loss below that of the constant. It is little, and it is real; what more there was to gain was the leak.
SELECT 'ctr@1' AS model, metric, value::numeric(10,5) AS value, n
FROM EVALUATE('ctr@1', 'SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 1')
WHERE metric IN ('auc', 'logloss', 'baseline_logloss', 'calibration', 'baseline_calibration')
UNION ALL
SELECT 'ctr@2', metric, value::numeric(10,5), n
FROM EVALUATE('ctr@2', 'SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 0')
WHERE metric IN ('auc', 'logloss', 'baseline_logloss', 'calibration', 'baseline_calibration')
UNION ALL
SELECT 'ctr_bilinear@1', metric, value::numeric(10,5), n
FROM EVALUATE('ctr_bilinear@1', 'SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 1')
WHERE metric IN ('auc', 'logloss', 'baseline_logloss', 'calibration', 'baseline_calibration')
UNION ALL
SELECT 'ctr_bilinear@2', metric, value::numeric(10,5), n
FROM EVALUATE('ctr_bilinear@2', 'SELECT audience_id, ad_id, log_share, clicked FROM ad_log WHERE impression_id % 2 = 0')
WHERE metric IN ('auc', 'logloss', 'baseline_logloss', 'calibration', 'baseline_calibration')
ORDER BY model, metric;

-- What do the predictions lean on? By how much the log-loss grows when a column is shuffled: nearly all is the slot's share. Who looks moves them
-- hardly at all, for so few clicks tell no audience from another. 特征重要性
SELECT 'ctr' AS model, feature, importance::numeric(10,5) AS importance FROM FEATURE_IMPORTANCE('ctr')
UNION ALL
SELECT 'ctr_bilinear', feature, importance::numeric(10,5) FROM FEATURE_IMPORTANCE('ctr_bilinear')
ORDER BY model, importance DESC, feature;

-- The first slot of the men's campaign, asked for one audience; another would be told the same order.
SELECT r.ad_id, PREDICT_CTR(r)::numeric(8,5) AS ctr, PREDICT_CTR(r, 'ctr_bilinear')::numeric(8,5) AS ctr_bilinear
FROM (
    SELECT 67 AS audience_id, a.ad_id, ln(s.share + 0.0001) AS log_share
    FROM ads a
    JOIN ad_slots s ON s.ad_id = a.ad_id
    WHERE a.campaign = 'men' AND s.slot = 1
) r
ORDER BY PREDICT_CTR(r) DESC, r.ad_id
LIMIT 5;

-- The same model asked by user and item, with the rest as context: one item that the shop puts into a slot rarely, now and then, often.
SELECT share, PREDICT_CTR('67', 'men-12', jsonb_build_object('log_share', ln(share + 0.0001)))::numeric(8,5) AS ctr
FROM (VALUES (0.01), (0.1), (0.4)) AS v(share)
ORDER BY share;

-- 访问会不会成交：同一种模型，换一张表。Here there is much to learn: a fifth of the visits is set aside and never learnt from.
CREATE MODEL intent
OPTIONS (model_type = 'ctr', architecture = 'mlp', label_col = 'bought', split = 'random', eval_fraction = 0.2, max_iterations = 10)
AS SELECT admin_pages, admin_seconds, info_pages, info_seconds, product_pages, product_seconds, bounce_rate, exit_rate, page_value, special_day,
          month, operating_system, browser, region, traffic_type, visitor_type, weekend, bought
   FROM visits;

-- The value of the pages seen is highest at the till: with it one knows late. Without it one may know while the visit lasts.
CREATE MODEL intent_early
OPTIONS (model_type = 'ctr', architecture = 'mlp', label_col = 'bought', split = 'random', eval_fraction = 0.2, max_iterations = 10)
AS SELECT admin_pages, admin_seconds, info_pages, info_seconds, product_pages, product_seconds, bounce_rate, exit_rate, special_day,
          month, operating_system, browser, region, traffic_type, visitor_type, weekend, bought
   FROM visits;

SELECT e.metric, e.value::numeric(10,5) AS intent, f.value::numeric(10,5) AS intent_early, e.n
FROM EVALUATE('intent') e
JOIN EVALUATE('intent_early') f ON f.metric = e.metric AND f.segment = e.segment
WHERE e.segment = 'test'
ORDER BY e.metric;

-- Visits that ended without a purchase although everything spoke for one: whom to write to.
SELECT visit_id, product_pages, page_value::numeric(8,2) AS page_value, PREDICT_CTR(v, 'intent')::numeric(5,4) AS likely
FROM (
    SELECT visit_id, admin_pages, admin_seconds, info_pages, info_seconds, product_pages, product_seconds, bounce_rate, exit_rate, page_value, special_day,
           month, operating_system, browser, region, traffic_type, visitor_type, weekend
    FROM visits
    WHERE bought = 0
) v
ORDER BY likely DESC, visit_id
LIMIT 5;

\echo
\echo 'Chapter 9. Finding words   第九章：全文检索'
\echo

CREATE INDEX products_text ON products USING steward (title) WITH (key_field = 'sku');
CREATE INDEX articles_text ON articles USING steward (title, body) WITH (key_field = 'article_id');

SELECT rank, key, snippet FROM SEARCH('articles', '退款 几天 到账', 3) ORDER BY rank;
SELECT rank, key, snippet FROM SEARCH('articles', 'refund working days', 3) ORDER BY rank;
SELECT rank, key, snippet FROM SEARCH('articles', '个人信息', 2) ORDER BY rank;

-- Found rows join like any others. 搜到的行照样可以联接
SELECT s.rank, p.sku, p.title, p.price, p.currency, s.snippet
FROM SEARCH('products', '保温杯', 5) s
JOIN products p ON p.sku = s.key
ORDER BY s.rank;

SELECT s.rank, p.sku, p.price, s.snippet
FROM SEARCH('products', 'hot water bottle', 5) s
JOIN products p ON p.sku = s.key
ORDER BY s.rank;

\echo
\echo 'Chapter 10. Who may see what   第十章：权限与脱敏'
\echo

CREATE ROLE analyst;
GRANT SELECT ON customers, order_lines, products TO analyst;

-- A tag says what a column holds; a policy on the tag says how it is shown. One statement covers every column that carries it.
CREATE TAG pii ALLOWED_VALUES 'email', 'phone', 'id_number', 'address' COMMENT = '个人信息';
CREATE MASKING POLICY mask_pii AS (val text) RETURNS text ->
    CASE WHEN current_role IN ('risk') THEN val
         WHEN val LIKE '%@%' THEN mask_email(val)
         ELSE mask_partial(val, 3, '****', 2) END;
ALTER TAG pii SET MASKING POLICY mask_pii;
ALTER TABLE customers ALTER COLUMN email SET TAG pii = 'email';
ALTER TABLE customers ALTER COLUMN phone SET TAG pii = 'phone';
ALTER TABLE customers ALTER COLUMN id_number SET TAG pii = 'id_number';

SELECT column_name, tag, value, source FROM tag_references('customers') WHERE column_name IS NOT NULL ORDER BY column_name, tag;

-- The owner sees them plain.
SELECT customer_id, name, email, phone, id_number FROM customers WHERE customer_id IN (12359, 20001, 20002) ORDER BY customer_id;

-- The analyst counts and joins as before, and sees them masked; a filter cannot guess what is hidden.
SET ROLE analyst;
SELECT customer_id, name, email, phone, id_number FROM customers WHERE customer_id IN (12359, 20001, 20002) ORDER BY customer_id;
SELECT count(*) AS found_by_guessing FROM customers WHERE email = 'lucas.dummington55@example.com';
SELECT c.customer_id, c.email, count(*) AS lines
FROM customers c
JOIN order_lines o ON o.customer_id = c.customer_id
GROUP BY c.customer_id, c.email
ORDER BY lines DESC, c.customer_id
LIMIT 3;
RESET ROLE;

-- Which policy applies to whom, and by what way it came there.
SELECT column_name, policy, via, masked FROM effective_policy('customers', 'analyst') ORDER BY column_name;

\echo
\echo 'Here the tour ends. 游览结束。'
\echo
