// sequelize: an ORM that sets up each session, makes tables, and compares them with the catalogue (sync with alter).
'use strict';
const assert = require('assert').strict;
const { base, step } = require('./steps');

module.exports = async function sequelize() {
  const { Sequelize, DataTypes, Op } = require('sequelize');
  const withSequelize = body => async () => {
    const s = new Sequelize(base.database, base.user, base.password, {
      host: base.host,
      port: base.port,
      dialect: 'postgres',
      logging: false,
    });
    try {
      await s.authenticate();
      await body(s);
    } finally {
      await s.close();
    }
  };
  await step(
    'sequelize, what the catalogue says',
    withSequelize(async s => {
      const q = s.getQueryInterface();
      assert.equal((await q.showAllTables()).includes('orders'), true);
      const columns = await q.describeTable('orders');
      assert.deepEqual(
        [columns.code.type, columns.code.allowNull, columns.id.primaryKey, columns.total.type],
        ['CHARACTER VARYING(8)', false, true, 'NUMERIC'],
      );
      assert.deepEqual((await q.showIndex('orders')).map(i => [i.name, i.primary, i.unique]).sort(), [
        ['orders_once', false, true],
        ['orders_pkey', true, true],
      ]);
      assert.deepEqual(
        (await q.getForeignKeyReferencesForTable('orders')).map(k => [k.columnName, k.referencedTableName]).sort(),
        [
          ['code', 'teas'],
          ['customer_id', 'customers'],
        ],
      );
    }),
  );
  await step(
    'sequelize, sync, create, find, update, destroy',
    withSequelize(async s => {
      const Tray = s.define(
        'sequelize_tray',
        {
          label: DataTypes.STRING,
          slots: DataTypes.INTEGER,
          marks: DataTypes.JSONB,
          names: DataTypes.ARRAY(DataTypes.TEXT),
        },
        { freezeTableName: true },
      );
      await Tray.sync({ force: true });
      const made = await Tray.create({ label: 'x', slots: 4, marks: { a: { b: 2 } }, names: ['p', 'q'] });
      assert.equal(made.id, 1);
      await Tray.bulkCreate([
        { label: 'y', slots: 2 },
        { label: 'z', slots: 9 },
      ]);
      assert.equal(await Tray.count({ where: { slots: { [Op.gt]: 3 } } }), 2);
      const found = await Tray.findOne({ where: { 'marks.a.b': 2 } });
      assert.deepEqual([found.label, found.names, found.createdAt instanceof Date], ['x', ['p', 'q'], true]);
      await found.update({ slots: 5 });
      assert.equal(await Tray.sum('slots'), 16);
      await s.transaction(async t => {
        await Tray.destroy({ where: { label: 'y' }, transaction: t });
      });
      assert.equal(await Tray.count(), 2);
      await Tray.drop();
    }),
  );
  await step(
    'sequelize, sync with alter',
    withSequelize(async s => {
      const options = { freezeTableName: true, timestamps: false };
      await s.define('sequelize_alter', { a: DataTypes.STRING }, options).sync({ force: true });
      const Wider = s.define('sequelize_alter', { a: DataTypes.STRING, b: DataTypes.INTEGER }, options);
      await Wider.sync({ alter: true });
      assert.equal((await Wider.create({ a: 'x', b: 1 })).b, 1);
      await Wider.drop();
    }),
  );
};
