// pg speaks the simple protocol without values and the extended one with; pg-cursor reads a portal in parts.
'use strict';
const assert = require('assert').strict;
const { base, analyst, step, onlySteward, withPg, values } = require('./steps');

module.exports = async function pg() {
  await step(
    'pg, values and their types',
    withPg(async c => {
      const {
        rows: [tea],
      } = await c.query("SELECT * FROM teas WHERE code = 'OOL-1'");
      assert.deepEqual(
        { ...tea, steep: { ...tea.steep } },
        {
          code: 'OOL-1',
          name: 'Oolong 乌龙茶',
          price: '18.50',
          grams: 100,
          stock: 12,
          sold: '9007199254740993',
          rating: 4.5,
          share: 0.875,
          organic: true,
          labels: ['roasted', 'dark'],
          batches: [3, 1, 2],
          attrs: { origin: 'Fujian', steeps: 5 },
          leaf: Buffer.from([0, 255, 16]),
          uid: '6f1d0c1e-0000-4000-8000-000000000001',
          harvested: new Date(2025, 3, 18),
          opens: '08:30:00',
          tasted: new Date(2025, 4, 1, 10, 15, 30, 250),
          listed: new Date('2025-06-01T00:00:00Z'),
          steep: { minutes: 3, seconds: 30 },
        },
      );
    }),
  );
  await step(
    'pg, columns are described',
    withPg(async c => {
      const { fields } = await c.query('SELECT code, price, labels FROM teas');
      assert.deepEqual(
        fields.map(f => [f.name, f.dataTypeID, f.dataTypeSize]),
        [
          ['code', 1043, -1],
          ['price', 1700, -1],
          ['labels', 1009, -1],
        ],
      );
      assert.equal(fields[0].tableID > 0 && fields[1].columnID === 3, true);
    }),
  );
  await step(
    'pg, parameters',
    withPg(async c => {
      const r = await c.query(
        'SELECT code FROM teas WHERE price > $1 AND code = ANY($2) AND stock <> $3 ORDER BY code',
        [3, ['OOL-1', 'MIN-3'], 12],
      );
      assert.deepEqual(values(r, 'code'), ['MIN-3']);
      const {
        rows: [row],
      } = await c.query('SELECT $1::jsonb AS j, $2::timestamptz AS t, $3::text[] AS a, $4::bytea AS b, $5::text AS n', [
        { a: [1] },
        new Date(0),
        ['x', null, 'y,z'],
        Buffer.from('é'),
        null,
      ]);
      assert.deepEqual(row, { j: { a: [1] }, t: new Date(0), a: ['x', null, 'y,z'], b: Buffer.from('é'), n: null });
    }),
  );
  await step(
    'pg, named statement',
    withPg(async c => {
      for (let i = 0; i < 3; i++)
        assert.deepEqual(values(await c.query({ name: 'next', text: 'SELECT $1::int + 1 AS n', values: [i] }), 'n'), [
          i + 1,
        ]);
    }),
  );
  await step(
    'pg, binary results',
    withPg(async c => {
      const {
        rows: [row],
      } = await c.query({
        text: 'SELECT stock, organic, name FROM teas WHERE code = $1',
        values: ['OOL-1'],
        binary: true,
      });
      assert.deepEqual(row, { stock: 12, organic: true, name: 'Oolong 乌龙茶' });
    }),
  );
  await step(
    'pg, several statements at once',
    withPg(async c => {
      const results = await c.query(
        'SELECT 1 AS a; INSERT INTO stock.moves (id) VALUES (5100); DELETE FROM stock.moves WHERE id = 5100',
      );
      assert.deepEqual(
        results.map(r => [r.command, r.rowCount]),
        [
          ['SELECT', 1],
          ['INSERT', 1],
          ['DELETE', 1],
        ],
      );
    }),
  );
  await step(
    'pg, several statements are one transaction',
    withPg(async c => {
      await assert.rejects(c.query('INSERT INTO stock.moves (id) VALUES (5110); SELECT 1/0'), { code: '22012' });
      assert.equal((await c.query('SELECT * FROM stock.moves WHERE id = 5110')).rowCount, 0);
    }),
  );
  await step(
    'pg, transaction',
    withPg(async c => {
      await c.query('BEGIN');
      await c.query('INSERT INTO stock.moves (id, what) VALUES ($1, $2)', [5120, 'n']);
      await c.query('ROLLBACK');
      assert.equal((await c.query('SELECT * FROM stock.moves WHERE id = 5120')).rowCount, 0);
    }),
  );
  await step(
    'pg, errors and their fields',
    withPg(async c => {
      for (const [text, code] of [
        ['SELEC 1', '42601'],
        ['SELECT * FROM nowhere', '42P01'],
        ['SELECT flavour FROM teas', '42703'],
        ['SELECT no_function(1)', '42883'],
      ]) {
        await assert.rejects(c.query(text), { code, severity: 'ERROR' });
      }
      await assert.rejects(c.query("INSERT INTO teas (code, name, price) VALUES ($1, 'x', 1)", ['OOL-1']), {
        code: '23505',
        schema: 'public',
        table: 'teas',
        constraint: 'teas_pkey',
        detail: 'Key (code)=(OOL-1) already exists.',
      });
    }),
  );
  await step(
    'pg, notices, and LISTEN',
    withPg(async c => {
      const notices = [];
      c.on('notice', n => notices.push(n.message));
      await c.query('DROP TABLE IF EXISTS no_such_table');
      assert.deepEqual(notices, ['table "no_such_table" does not exist, skipping']);
      const heard = new Promise(done => c.on('notification', n => done(`${n.channel} ${n.payload}`)));
      await c.query('LISTEN tray');
      await c.query("SELECT pg_notify('tray', 'laid')");
      assert.equal(await heard, 'tray laid');
    }),
  );
  await step("pg, TLS with the server's name verified", async () => {
    const ca = require('fs').readFileSync(process.env.TLS_CERT, 'utf8');
    await withPg(
      async c => {
        assert.equal(c.connection.stream.encrypted, true);
        assert.deepEqual(values(await c.query('SELECT 1 AS n'), 'n'), [1]);
      },
      { ...base, ssl: { ca, servername: 'localhost' } },
    )();
  });
  await step('pg, pool', async () => {
    const { Pool } = require('pg');
    const pool = new Pool({ ...base, max: 4 });
    try {
      const got = await Promise.all(
        [1, 2, 3, 4, 5, 6, 7, 8].map(n => pool.query('SELECT $1::int AS n, count(*)::int AS orders FROM orders', [n])),
      );
      assert.deepEqual(
        got.map(r => [r.rows[0].n, r.rows[0].orders]),
        [1, 2, 3, 4, 5, 6, 7, 8].map(n => [n, 4]),
      );
    } finally {
      await pool.end();
    }
  });
  await step(
    'pg-cursor',
    withPg(async c => {
      const Cursor = require('pg-cursor');
      const cursor = c.query(new Cursor('SELECT id::int FROM orders WHERE id > $1 ORDER BY id', [0]));
      assert.deepEqual(
        (await cursor.read(3)).map(r => r.id),
        [1, 2, 3],
      );
      assert.deepEqual(
        (await cursor.read(3)).map(r => r.id),
        [4],
      );
      assert.equal((await cursor.read(3)).length, 0);
      await cursor.close();
    }),
  );
  await onlySteward(
    'pg, a role sees e-mail addresses masked',
    withPg(async c => {
      assert.deepEqual(values(await c.query('SELECT email FROM customers WHERE id < $1 ORDER BY id', [3]), 'email'), [
        'm***@t***.example',
        'o***@t***.example',
      ]);
      await assert.rejects(c.query('SELECT * FROM stock.moves'), { code: '42501' });
    }, analyst),
  );
  await onlySteward(
    'pg, model functions and search',
    withPg(async c => {
      const r = await c.query(
        `SELECT CLASSIFY($1) AS kind, PREDICT_CTR($2, $3, '{"slot": 1}') AS chance, QUALITY('teas') AS quality, CLASSIFY_DETAIL($1) AS detail`,
        ['mei@tea.example', 'visitor-1', 'tea-1'],
      );
      assert.deepEqual(
        r.fields.map(f => f.dataTypeID),
        [25, 701, 701, 3802],
      );
      assert.deepEqual([r.rows[0].kind, typeof r.rows[0].chance, r.rows[0].detail.label], ['email', 'number', 'email']);
      assert.deepEqual((await c.query("SELECT rank, key FROM SEARCH('house.stories', 'mint')")).rows, [
        { rank: 1, key: 'MIN-3' },
      ]);
    }),
  );
};
