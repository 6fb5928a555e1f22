// Node: pg (simple without values, extended with), pg-cursor (portals), postgres.js (extended always, array types looked up
// when it connects), and three query builders: knex, sequelize, typeorm, which make tables and read them back from the
// catalogue. Where to connect: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE. Packages: NODE_PATH.
'use strict';
const assert = require('assert').strict;
const peer = process.env.PEER === '1';
const base = { host: process.env.PGHOST, port: Number(process.env.PGPORT), user: process.env.PGUSER, password: process.env.PGPASSWORD, database: process.env.PGDATABASE };
const analyst = { ...base, user: 'analyst', password: process.env.ANALYST_PASSWORD };
let passed = 0;
let all = 0;

const late = () => new Promise((_, fail) => setTimeout(() => fail(new Error('not done within 60 seconds')), 60_000).unref());

async function step(name, body) {
  all += 1;
  try {
    await Promise.race([body(), late()]);
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`FAIL ${name}: ${error.code || error.name} ${String(error.message).trim().split(/\s+/).join(' ')}`.slice(0, 300));
  }
}

const onlySteward = async (name, body) => { if (!peer) await step(name, body); };

/** A client of pg for one step. */
const withPg = (body, facts = base) => async () => {
  const { Client } = require('pg');
  const client = new Client({ ...facts, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  await client.connect();
  try { await body(client); } finally { await client.end(); }
};

const values = (result, name) => result.rows.map(row => row[name]);

async function pg() {
  await step('pg, values and their types', withPg(async c => {
    const { rows: [tea] } = await c.query("SELECT * FROM teas WHERE code = 'OOL-1'");
    assert.deepEqual({ ...tea, steep: { ...tea.steep } }, {
      code: 'OOL-1', name: 'Oolong 乌龙茶', price: '18.50', grams: 100, stock: 12, sold: '9007199254740993', rating: 4.5, share: 0.875,
      organic: true, labels: ['roasted', 'dark'], batches: [3, 1, 2], attrs: { origin: 'Fujian', steeps: 5 }, leaf: Buffer.from([0, 255, 16]),
      uid: '6f1d0c1e-0000-4000-8000-000000000001', harvested: new Date(2025, 3, 18), opens: '08:30:00', tasted: new Date(2025, 4, 1, 10, 15, 30, 250),
      listed: new Date('2025-06-01T00:00:00Z'), steep: { minutes: 3, seconds: 30 },
    });
  }));
  await step('pg, columns are described', withPg(async c => {
    const { fields } = await c.query('SELECT code, price, labels FROM teas');
    assert.deepEqual(fields.map(f => [f.name, f.dataTypeID, f.dataTypeSize]), [['code', 1043, -1], ['price', 1700, -1], ['labels', 1009, -1]]);
    assert.equal(fields[0].tableID > 0 && fields[1].columnID === 3, true);
  }));
  await step('pg, parameters', withPg(async c => {
    const r = await c.query('SELECT code FROM teas WHERE price > $1 AND code = ANY($2) AND stock <> $3 ORDER BY code', [3, ['OOL-1', 'MIN-3'], 12]);
    assert.deepEqual(values(r, 'code'), ['MIN-3']);
    const { rows: [row] } = await c.query('SELECT $1::jsonb AS j, $2::timestamptz AS t, $3::text[] AS a, $4::bytea AS b, $5::text AS n',
      [{ a: [1] }, new Date(0), ['x', null, 'y,z'], Buffer.from('é'), null]);
    assert.deepEqual(row, { j: { a: [1] }, t: new Date(0), a: ['x', null, 'y,z'], b: Buffer.from('é'), n: null });
  }));
  await step('pg, named statement', withPg(async c => {
    for (let i = 0; i < 3; i++) assert.deepEqual(values(await c.query({ name: 'next', text: 'SELECT $1::int + 1 AS n', values: [i] }), 'n'), [i + 1]);
  }));
  await step('pg, binary results', withPg(async c => {
    const { rows: [row] } = await c.query({ text: 'SELECT stock, organic, name FROM teas WHERE code = $1', values: ['OOL-1'], binary: true });
    assert.deepEqual(row, { stock: 12, organic: true, name: 'Oolong 乌龙茶' });
  }));
  await step('pg, several statements at once', withPg(async c => {
    const results = await c.query("SELECT 1 AS a; INSERT INTO stock.moves (id) VALUES (5100); DELETE FROM stock.moves WHERE id = 5100");
    assert.deepEqual(results.map(r => [r.command, r.rowCount]), [['SELECT', 1], ['INSERT', 1], ['DELETE', 1]]);
  }));
  await step('pg, several statements are one transaction', withPg(async c => {
    await assert.rejects(c.query('INSERT INTO stock.moves (id) VALUES (5110); SELECT 1/0'), { code: '22012' });
    assert.equal((await c.query('SELECT * FROM stock.moves WHERE id = 5110')).rowCount, 0);
  }));
  await step('pg, transaction', withPg(async c => {
    await c.query('BEGIN');
    await c.query('INSERT INTO stock.moves (id, what) VALUES ($1, $2)', [5120, 'n']);
    await c.query('ROLLBACK');
    assert.equal((await c.query('SELECT * FROM stock.moves WHERE id = 5120')).rowCount, 0);
  }));
  await step('pg, errors and their fields', withPg(async c => {
    for (const [text, code] of [['SELEC 1', '42601'], ['SELECT * FROM nowhere', '42P01'], ['SELECT flavour FROM teas', '42703'], ['SELECT no_function(1)', '42883']]) {
      await assert.rejects(c.query(text), { code, severity: 'ERROR' });
    }
    await assert.rejects(c.query("INSERT INTO teas (code, name, price) VALUES ($1, 'x', 1)", ['OOL-1']),
      { code: '23505', schema: 'public', table: 'teas', constraint: 'teas_pkey', detail: 'Key (code)=(OOL-1) already exists.' });
  }));
  await step('pg, notices, and LISTEN', withPg(async c => {
    const notices = [];
    c.on('notice', n => notices.push(n.message));
    await c.query('DROP TABLE IF EXISTS no_such_table');
    assert.deepEqual(notices, ['table "no_such_table" does not exist, skipping']);
    const heard = new Promise(done => c.on('notification', n => done(`${n.channel} ${n.payload}`)));
    await c.query('LISTEN tray');
    await c.query("SELECT pg_notify('tray', 'laid')");
    assert.equal(await heard, 'tray laid');
  }));
  await step('pg, TLS with the server\'s name verified', async () => {
    const ca = require('fs').readFileSync(process.env.TLS_CERT, 'utf8');
    await withPg(async c => {
      assert.deepEqual(values(await c.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'), 'ssl'), [true]);
    }, { ...base, ssl: { ca, servername: 'localhost' } })();
  });
  await step('pg, pool', async () => {
    const { Pool } = require('pg');
    const pool = new Pool({ ...base, max: 4 });
    try {
      const got = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(n => pool.query('SELECT $1::int AS n, count(*)::int AS orders FROM orders', [n])));
      assert.deepEqual(got.map(r => [r.rows[0].n, r.rows[0].orders]), [1, 2, 3, 4, 5, 6, 7, 8].map(n => [n, 4]));
    } finally { await pool.end(); }
  });
  await step('pg-cursor', withPg(async c => {
    const Cursor = require('pg-cursor');
    const cursor = c.query(new Cursor('SELECT id::int FROM orders WHERE id > $1 ORDER BY id', [0]));
    assert.deepEqual((await cursor.read(3)).map(r => r.id), [1, 2, 3]);
    assert.deepEqual((await cursor.read(3)).map(r => r.id), [4]);
    assert.equal((await cursor.read(3)).length, 0);
    await cursor.close();
  }));
}

async function postgresJs() {
  const postgres = require('postgres');
  const withSql = (body, facts = base) => async () => {
    const sql = postgres({ ...facts, username: facts.user, max: 2, connect_timeout: 10, onnotice: () => {} });
    try { await body(sql); } finally { await sql.end({ timeout: 5 }); }
  };
  await step('postgres.js, values, arrays, parameters', withSql(async sql => {
    assert.deepEqual([...await sql`SELECT code, price, labels, batches, attrs FROM teas WHERE price > ${5} AND stock IN ${sql([12, 40])}`],
      [{ code: 'OOL-1', price: '18.50', labels: ['roasted', 'dark'], batches: [3, 1, 2], attrs: { origin: 'Fujian', steeps: 5 } }]);
    assert.deepEqual([...await sql`SELECT ${sql.json({ a: 1 })} AS j, ${['x', 'y']}::text[] AS a, ${new Date(0)} AS t`], [{ j: { a: 1 }, a: ['x', 'y'], t: new Date(0) }]);
  }));
  await step('postgres.js, insert of objects, transactions, savepoints', withSql(async sql => {
    await sql.begin(async t => {
      const rows = await t`INSERT INTO stock.moves ${t([{ id: 5200, what: 'a' }, { id: 5201, what: null }])} RETURNING id::int`;
      assert.deepEqual(rows.map(r => r.id), [5200, 5201]);
      await t.savepoint(s => s`INSERT INTO stock.moves (id) VALUES (5200)`).catch(error => assert.equal(error.code, '23505'));
      assert.equal((await t`DELETE FROM stock.moves WHERE id >= 5200`).count, 2);
    });
  }));
  await step('postgres.js, cursor and describe', withSql(async sql => {
    const parts = [];
    await sql`SELECT id::int FROM orders ORDER BY id`.cursor(3, rows => { parts.push(rows.map(r => r.id)); });
    assert.deepEqual(parts, [[1, 2, 3], [4]]);
    const described = await sql`SELECT code FROM teas WHERE price > ${1}`.describe();
    assert.deepEqual([described.types, described.columns.map(c => [c.name, c.type])], [[1700], [['code', 1043]]]);
  }));
  await step('postgres.js, COPY by streams', withSql(async sql => {
    const { pipeline } = require('stream/promises');
    const { Readable } = require('stream');
    await pipeline(Readable.from(['5210\tx\n', '5211\ty\n']), await sql`COPY stock.moves (id, what) FROM STDIN`.writable());
    let text = '';
    for await (const part of await sql`COPY (SELECT id, what FROM stock.moves WHERE id >= 5210 ORDER BY id) TO STDOUT`.readable()) text += part;
    assert.equal(text, '5210\tx\n5211\ty\n');
    await sql`DELETE FROM stock.moves WHERE id >= 5210`;
  }));
  await onlySteward('postgres.js, a role sees e-mail addresses masked', withSql(async sql => {
    assert.deepEqual([...await sql`SELECT email FROM customers WHERE id = ${1}`], [{ email: 'm***@t***.example' }]);
  }, analyst));
}

async function knex() {
  const builder = require('knex');
  const withKnex = body => async () => {
    const k = builder({ client: 'pg', connection: base, pool: { min: 0, max: 2 } });
    try { await body(k); } finally { await k.destroy(); }
  };
  await step('knex, what the catalogue says', withKnex(async k => {
    assert.deepEqual([await k.schema.hasTable('orders'), await k.schema.hasTable('nowhere'), await k.schema.hasColumn('teas', 'price')], [true, false, true]);
    const info = await k('orders').columnInfo();
    assert.deepEqual(info.code, { type: 'character varying', maxLength: 8, nullable: false, defaultValue: null });
    assert.equal(info.quantity.defaultValue, '1');
  }));
  await step('knex, queries', withKnex(async k => {
    const rows = await k('orders').join('customers', 'customers.id', 'orders.customer_id').where('total', '>', 10).groupBy('name').orderBy('name')
      .select('name').sum({ total: 'total' }).count({ n: '*' });
    assert.deepEqual(rows, [{ name: 'Mei Lin', total: '277.00', n: '2' }, { name: 'Otto Braun', total: '32.00', n: '1' }]);
  }));
  await step('knex, a table made, filled, changed, dropped', withKnex(async k => {
    await k.schema.dropTableIfExists('knex_cups');
    await k.schema.createTable('knex_cups', t => {
      t.increments();
      t.string('label', 40).notNullable().unique();
      t.decimal('size', 8, 2).defaultTo(0.25);
      t.jsonb('marks');
      t.timestamps(true, true);
    });
    assert.deepEqual(await k('knex_cups').insert([{ label: 'x', marks: { a: 1 } }, { label: 'y' }]).returning(['id', 'size']), [{ id: 1, size: '0.25' }, { id: 2, size: '0.25' }]);
    await k('knex_cups').insert({ label: 'x', size: 3 }).onConflict('label').merge();
    assert.deepEqual(await k('knex_cups').where({ label: 'x' }).first('size', 'marks'), { size: '3.00', marks: { a: 1 } });
    await k.schema.alterTable('knex_cups', t => { t.text('note'); t.renameColumn('size', 'litres'); });
    assert.equal(await k('knex_cups').update({ note: 'n' }), 2);
    await k.transaction(async t => { await t('knex_cups').del(); await t.rollback(); }).catch(() => {});
    assert.equal((await k('knex_cups').count({ n: '*' }))[0].n, '2');
    await k.schema.dropTable('knex_cups');
  }));
  await step('knex, an index', withKnex(async k => {
    await k.schema.dropTableIfExists('knex_indexed');
    await k.schema.createTable('knex_indexed', t => { t.integer('a').index(); });
    assert.equal((await k.raw("SELECT indexname FROM pg_indexes WHERE tablename = 'knex_indexed'")).rows[0].indexname, 'knex_indexed_a_index');
    await k.schema.dropTable('knex_indexed');
  }));
}

async function sequelize() {
  const { Sequelize, DataTypes, Op } = require('sequelize');
  const withSequelize = body => async () => {
    const s = new Sequelize(base.database, base.user, base.password, { host: base.host, port: base.port, dialect: 'postgres', logging: false });
    try { await s.authenticate(); await body(s); } finally { await s.close(); }
  };
  await step('sequelize, what the catalogue says', withSequelize(async s => {
    const q = s.getQueryInterface();
    assert.equal((await q.showAllTables()).includes('orders'), true);
    const columns = await q.describeTable('orders');
    assert.deepEqual([columns.code.type, columns.code.allowNull, columns.id.primaryKey, columns.total.type], ['CHARACTER VARYING(8)', false, true, 'NUMERIC']);
    assert.deepEqual((await q.showIndex('orders')).map(i => [i.name, i.primary, i.unique]).sort(), [['orders_once', false, true], ['orders_pkey', true, true]]);
    assert.deepEqual((await q.getForeignKeyReferencesForTable('orders')).map(k => [k.columnName, k.referencedTableName]).sort(), [['code', 'teas'], ['customer_id', 'customers']]);
  }));
  await step('sequelize, sync, create, find, update, destroy', withSequelize(async s => {
    const Tray = s.define('sequelize_tray', { label: DataTypes.STRING, slots: DataTypes.INTEGER, marks: DataTypes.JSONB, names: DataTypes.ARRAY(DataTypes.TEXT) }, { freezeTableName: true });
    await Tray.sync({ force: true });
    const made = await Tray.create({ label: 'x', slots: 4, marks: { a: { b: 2 } }, names: ['p', 'q'] });
    assert.equal(made.id, 1);
    await Tray.bulkCreate([{ label: 'y', slots: 2 }, { label: 'z', slots: 9 }]);
    assert.equal(await Tray.count({ where: { slots: { [Op.gt]: 3 } } }), 2);
    const found = await Tray.findOne({ where: { 'marks.a.b': 2 } });
    assert.deepEqual([found.label, found.names, found.createdAt instanceof Date], ['x', ['p', 'q'], true]);
    await found.update({ slots: 5 });
    assert.equal(await Tray.sum('slots'), 16);
    await s.transaction(async t => { await Tray.destroy({ where: { label: 'y' }, transaction: t }); });
    assert.equal(await Tray.count(), 2);
    await Tray.drop();
  }));
  await step('sequelize, sync with alter', withSequelize(async s => {
    const options = { freezeTableName: true, timestamps: false };
    await s.define('sequelize_alter', { a: DataTypes.STRING }, options).sync({ force: true });
    const Wider = s.define('sequelize_alter', { a: DataTypes.STRING, b: DataTypes.INTEGER }, options);
    await Wider.sync({ alter: true });
    assert.equal((await Wider.create({ a: 'x', b: 1 })).b, 1);
    await Wider.drop();
  }));
}

async function typeorm() {
  require('reflect-metadata');
  const { DataSource, EntitySchema, MoreThan } = require('typeorm');
  const Pot = new EntitySchema({
    name: 'typeorm_pot',
    columns: {
      id: { type: Number, primary: true, generated: true }, label: { type: String, length: 30, unique: true },
      litres: { type: 'numeric', precision: 6, scale: 2, nullable: true }, marks: { type: 'jsonb', nullable: true }, made: { type: 'timestamptz', createDate: true },
    },
    relations: { lids: { type: 'one-to-many', target: 'typeorm_lid', inverseSide: 'pot' } },
  });
  const Lid = new EntitySchema({
    name: 'typeorm_lid',
    columns: { id: { type: Number, primary: true, generated: 'increment' }, colour: { type: String } },
    relations: { pot: { type: 'many-to-one', target: 'typeorm_pot', inverseSide: 'lids', onDelete: 'CASCADE', joinColumn: true } },
  });
  const withTypeorm = body => async () => {
    const d = new DataSource({ type: 'postgres', ...base, username: base.user, entities: [Pot, Lid] });
    await d.initialize();
    try { await body(d); } finally { await d.query('DROP TABLE IF EXISTS typeorm_lid, typeorm_pot'); await d.destroy(); }
  };
  await step('typeorm, synchronize twice', withTypeorm(async d => {
    await d.query('DROP TABLE IF EXISTS typeorm_lid, typeorm_pot');
    await d.synchronize();
    assert.deepEqual((await d.driver.createSchemaBuilder().log()).upQueries.map(q => q.query), []);
  }));
  await step('typeorm, save, find with relations, remove', withTypeorm(async d => {
    await d.query('DROP TABLE IF EXISTS typeorm_lid, typeorm_pot');
    await d.synchronize();
    const pots = d.getRepository(Pot);
    const pot = await pots.save({ label: 'x', litres: 1.5, marks: { a: 1 } });
    await d.getRepository(Lid).save([{ colour: 'red', pot }, { colour: 'blue', pot }]);
    const [found] = await pots.find({ where: { litres: MoreThan(1) }, relations: { lids: true }, order: { lids: { id: 'ASC' } } });
    assert.deepEqual([found.litres, found.marks, found.lids.map(l => l.colour)], ['1.50', { a: 1 }, ['red', 'blue']]);
    await d.transaction(async m => { await m.update(Pot, { label: 'x' }, { label: 'y' }); });
    assert.equal(await pots.countBy({ label: 'y' }), 1);
    await pots.remove(found);
    assert.equal(await d.getRepository(Lid).count(), 0);
  }));
}

async function governance() {
  await onlySteward('pg, a role sees e-mail addresses masked', withPg(async c => {
    assert.deepEqual(values(await c.query('SELECT email FROM customers WHERE id < $1 ORDER BY id', [3]), 'email'), ['m***@t***.example', 'o***@t***.example']);
    await assert.rejects(c.query('SELECT * FROM stock.moves'), { code: '42501' });
  }, analyst));
  await onlySteward('pg, model functions and search', withPg(async c => {
    const r = await c.query(`SELECT CLASSIFY($1) AS kind, PREDICT_CTR($2, $3, '{"slot": 1}') AS chance, QUALITY('teas') AS quality, CLASSIFY_DETAIL($1) AS detail`, ['mei@tea.example', 'visitor-1', 'tea-1']);
    assert.deepEqual(r.fields.map(f => f.dataTypeID), [25, 701, 701, 3802]);
    assert.deepEqual([r.rows[0].kind, typeof r.rows[0].chance, r.rows[0].detail.label], ['email', 'number', 'email']);
    assert.deepEqual((await c.query("SELECT rank, key FROM SEARCH('house.stories', 'mint')")).rows, [{ rank: 1, key: 'MIN-3' }]);
  }));
}

(async () => {
  for (const client of [pg, postgresJs, knex, sequelize, typeorm, governance]) {
    try { await client(); } catch (error) { await step(`${client.name}, set up`, () => { throw error; }); }
  }
  console.log(`node: ${passed} of ${all} steps`);
  process.exit(passed === all ? 0 : 1);
})();
