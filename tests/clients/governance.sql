-- What only Steward has, on top of the shop: a masked column, a text index, a model of clicks, an inventory.
CREATE TAG pii ALLOWED_VALUES 'email' COMMENT = 'personal data';
CREATE MASKING POLICY hide_email AS (val text) RETURNS text -> mask_email(val);
ALTER TAG pii SET MASKING POLICY hide_email;
ALTER TABLE customers ALTER COLUMN email SET TAG pii = 'email';

-- In a schema of their own, so that lists of what is in "public" are the same as on PostgreSQL.
CREATE SCHEMA house;
CREATE TABLE house.stories (code text PRIMARY KEY, story text);
INSERT INTO house.stories SELECT code, name FROM teas;
CREATE INDEX stories_words ON house.stories USING steward (story);

CREATE TABLE house.impressions AS
SELECT n AS id, 'visitor-' || (n % 20) AS visitor, 'tea-' || (n % 7) AS tea, n % 3 AS slot,
       CASE WHEN (n * 7919) % 11 < 2 + (n % 3) * 3 THEN 1 ELSE 0 END AS clicked
FROM generate_series(1, 2000) AS n;
CREATE MODEL ctr OPTIONS (model_type = 'ctr', architecture = 'lr', label_col = 'clicked', user_col = 'visitor', item_col = 'tea',
                          split = 'random', max_iterations = 2)
AS SELECT visitor, tea, slot, clicked FROM house.impressions;
INVENTORY TABLE teas;
