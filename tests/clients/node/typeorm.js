// typeorm: an ORM whose synchronize must find nothing to change the second time.
'use strict';
const assert = require('assert').strict;
const { base, step } = require('./steps');

module.exports = async function typeorm() {
  require('reflect-metadata');
  const { DataSource, EntitySchema, MoreThan } = require('typeorm');
  const Pot = new EntitySchema({
    name: 'typeorm_pot',
    columns: {
      id: { type: Number, primary: true, generated: true },
      label: { type: String, length: 30, unique: true },
      litres: { type: 'numeric', precision: 6, scale: 2, nullable: true },
      marks: { type: 'jsonb', nullable: true },
      made: { type: 'timestamptz', createDate: true },
    },
    relations: { lids: { type: 'one-to-many', target: 'typeorm_lid', inverseSide: 'pot' } },
  });
  const Lid = new EntitySchema({
    name: 'typeorm_lid',
    columns: { id: { type: Number, primary: true, generated: 'increment' }, colour: { type: String } },
    relations: {
      pot: { type: 'many-to-one', target: 'typeorm_pot', inverseSide: 'lids', onDelete: 'CASCADE', joinColumn: true },
    },
  });
  const withTypeorm = body => async () => {
    const d = new DataSource({ type: 'postgres', ...base, username: base.user, entities: [Pot, Lid] });
    await d.initialize();
    try {
      await body(d);
    } finally {
      await d.query('DROP TABLE IF EXISTS typeorm_lid, typeorm_pot');
      await d.destroy();
    }
  };
  await step(
    'typeorm, synchronize twice',
    withTypeorm(async d => {
      await d.query('DROP TABLE IF EXISTS typeorm_lid, typeorm_pot');
      await d.synchronize();
      assert.deepEqual(
        (await d.driver.createSchemaBuilder().log()).upQueries.map(q => q.query),
        [],
      );
    }),
  );
  await step(
    'typeorm, save, find with relations, remove',
    withTypeorm(async d => {
      await d.query('DROP TABLE IF EXISTS typeorm_lid, typeorm_pot');
      await d.synchronize();
      const pots = d.getRepository(Pot);
      const pot = await pots.save({ label: 'x', litres: 1.5, marks: { a: 1 } });
      await d.getRepository(Lid).save([
        { colour: 'red', pot },
        { colour: 'blue', pot },
      ]);
      const [found] = await pots.find({
        where: { litres: MoreThan(1) },
        relations: { lids: true },
        order: { lids: { id: 'ASC' } },
      });
      assert.deepEqual([found.litres, found.marks, found.lids.map(l => l.colour)], ['1.50', { a: 1 }, ['red', 'blue']]);
      await d.transaction(async m => {
        await m.update(Pot, { label: 'x' }, { label: 'y' });
      });
      assert.equal(await pots.countBy({ label: 'y' }), 1);
      await pots.remove(found);
      assert.equal(await d.getRepository(Lid).count(), 0);
    }),
  );
};
