// postgres.js: extended protocol always, many statements on their way at once, array types looked up when it connects.
'use strict';
const assert = require('assert').strict;
const { base, analyst, step, onlySteward, values } = require('./steps');

module.exports = async function postgresJs() {
  const postgres = require('postgres');
  const withSql =
    (body, facts = base) =>
    async () => {
      const sql = postgres({ ...facts, username: facts.user, max: 2, connect_timeout: 10, onnotice: () => {} });
      try {
        await body(sql);
      } finally {
        await sql.end({ timeout: 5 });
      }
    };
  await step(
    'postgres.js, values, arrays, parameters',
    withSql(async sql => {
      assert.deepEqual(
        [
          ...(await sql`SELECT code, price, labels, batches, attrs FROM teas WHERE price > ${5} AND stock IN ${sql([12, 40])}`),
        ],
        [
          {
            code: 'OOL-1',
            price: '18.50',
            labels: ['roasted', 'dark'],
            batches: [3, 1, 2],
            attrs: { origin: 'Fujian', steeps: 5 },
          },
        ],
      );
      assert.deepEqual(
        [...(await sql`SELECT ${sql.json({ a: 1 })} AS j, ${['x', 'y']}::text[] AS a, ${new Date(0)} AS t`)],
        [{ j: { a: 1 }, a: ['x', 'y'], t: new Date(0) }],
      );
    }),
  );
  await step(
    'postgres.js, insert of objects, transactions, savepoints',
    withSql(async sql => {
      await sql.begin(async t => {
        const rows = await t`INSERT INTO stock.moves ${t([
          { id: 5200, what: 'a' },
          { id: 5201, what: null },
        ])} RETURNING id::int`;
        assert.deepEqual(
          rows.map(r => r.id),
          [5200, 5201],
        );
        await t
          .savepoint(s => s`INSERT INTO stock.moves (id) VALUES (5200)`)
          .catch(error => assert.equal(error.code, '23505'));
        assert.equal((await t`DELETE FROM stock.moves WHERE id >= 5200`).count, 2);
      });
    }),
  );
  await step(
    'postgres.js, cursor and describe',
    withSql(async sql => {
      const parts = [];
      await sql`SELECT id::int FROM orders ORDER BY id`.cursor(3, rows => {
        parts.push(rows.map(r => r.id));
      });
      assert.deepEqual(parts, [[1, 2, 3], [4]]);
      const described = await sql`SELECT code FROM teas WHERE price > ${1}`.describe();
      assert.deepEqual([described.types, described.columns.map(c => [c.name, c.type])], [[1700], [['code', 1043]]]);
    }),
  );
  await step(
    'postgres.js, COPY by streams',
    withSql(async sql => {
      const { pipeline } = require('stream/promises');
      const { Readable } = require('stream');
      await pipeline(
        Readable.from(['5210\tx\n', '5211\ty\n']),
        await sql`COPY stock.moves (id, what) FROM STDIN`.writable(),
      );
      let text = '';
      for await (const part of await sql`COPY (SELECT id, what FROM stock.moves WHERE id >= 5210 ORDER BY id) TO STDOUT`.readable())
        text += part;
      assert.equal(text, '5210\tx\n5211\ty\n');
      await sql`DELETE FROM stock.moves WHERE id >= 5210`;
    }),
  );
  await onlySteward(
    'postgres.js, a role sees e-mail addresses masked',
    withSql(async sql => {
      assert.deepEqual([...(await sql`SELECT email FROM customers WHERE id = ${1}`)], [{ email: 'm***@t***.example' }]);
    }, analyst),
  );
};
