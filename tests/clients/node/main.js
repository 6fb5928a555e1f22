// Node's drivers and query builders, one after the other. Packages are found by NODE_PATH.
'use strict';
const { step, end } = require('./steps');

const clients = [
  require('./pg'),
  require('./postgresjs'),
  require('./knex'),
  require('./sequelize'),
  require('./typeorm'),
];

(async () => {
  for (const client of clients) {
    try {
      await client();
    } catch (error) {
      await step(`${client.name}, set up`, () => {
        throw error;
      });
    }
  }
  end();
})();
