// knex: a query builder that makes tables and reads them back from information_schema.
'use strict';
const assert = require('assert').strict;
const { base, step } = require('./steps');

module.exports = async function knex() {
  const builder = require('knex');
  const withKnex = body => async () => {
    const k = builder({ client: 'pg', connection: base, pool: { min: 0, max: 2 } });
    try {
      await body(k);
    } finally {
      await k.destroy();
    }
  };
  await step(
    'knex, what the catalogue says',
    withKnex(async k => {
      assert.deepEqual(
        [
          await k.schema.hasTable('orders'),
          await k.schema.hasTable('nowhere'),
          await k.schema.hasColumn('teas', 'price'),
        ],
        [true, false, true],
      );
      const info = await k('orders').columnInfo();
      assert.deepEqual(info.code, { type: 'character varying', maxLength: 8, nullable: false, defaultValue: null });
      assert.equal(info.quantity.defaultValue, '1');
    }),
  );
  await step(
    'knex, queries',
    withKnex(async k => {
      const rows = await k('orders')
        .join('customers', 'customers.id', 'orders.customer_id')
        .where('total', '>', 10)
        .groupBy('name')
        .orderBy('name')
        .select('name')
        .sum({ total: 'total' })
        .count({ n: '*' });
      assert.deepEqual(rows, [
        { name: 'Mei Lin', total: '277.00', n: '2' },
        { name: 'Otto Braun', total: '32.00', n: '1' },
      ]);
    }),
  );
  await step(
    'knex, a table made, filled, changed, dropped',
    withKnex(async k => {
      await k.schema.dropTableIfExists('knex_cups');
      await k.schema.createTable('knex_cups', t => {
        t.increments();
        t.string('label', 40).notNullable().unique();
        t.decimal('size', 8, 2).defaultTo(0.25);
        t.jsonb('marks');
        t.timestamps(true, true);
      });
      assert.deepEqual(
        await k('knex_cups')
          .insert([{ label: 'x', marks: { a: 1 } }, { label: 'y' }])
          .returning(['id', 'size']),
        [
          { id: 1, size: '0.25' },
          { id: 2, size: '0.25' },
        ],
      );
      await k('knex_cups').insert({ label: 'x', size: 3 }).onConflict('label').merge();
      assert.deepEqual(await k('knex_cups').where({ label: 'x' }).first('size', 'marks'), {
        size: '3.00',
        marks: { a: 1 },
      });
      await k.schema.alterTable('knex_cups', t => {
        t.text('note');
        t.renameColumn('size', 'litres');
      });
      assert.equal(await k('knex_cups').update({ note: 'n' }), 2);
      await k
        .transaction(async t => {
          await t('knex_cups').del();
          await t.rollback();
        })
        .catch(() => {});
      assert.equal((await k('knex_cups').count({ n: '*' }))[0].n, '2');
      await k.schema.dropTable('knex_cups');
    }),
  );
  await step(
    'knex, an index',
    withKnex(async k => {
      await k.schema.dropTableIfExists('knex_indexed');
      await k.schema.createTable('knex_indexed', t => {
        t.integer('a').index();
      });
      assert.equal(
        (await k.raw("SELECT indexname FROM pg_indexes WHERE tablename = 'knex_indexed'")).rows[0].indexname,
        'knex_indexed_a_index',
      );
      await k.schema.dropTable('knex_indexed');
    }),
  );
};
