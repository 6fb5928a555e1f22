// Runs steps, counts them, and says how it went. Where to connect: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.
'use strict';
const peer = process.env.PEER === '1';
const base = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  database: process.env.PGDATABASE,
};
const analyst = { ...base, user: 'analyst', password: process.env.ANALYST_PASSWORD };
let passed = 0;
let all = 0;

const late = () =>
  new Promise((_, fail) => setTimeout(() => fail(new Error('not done within 60 seconds')), 60_000).unref());

async function step(name, body) {
  all += 1;
  try {
    await Promise.race([body(), late()]);
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(
      `FAIL ${name}: ${error.code || error.name} ${String(error.message).trim().split(/\s+/).join(' ')}`.slice(0, 300),
    );
  }
}

const onlySteward = async (name, body) => {
  if (!peer) await step(name, body);
};

/** A client of pg for one step. */
const withPg =
  (body, facts = base) =>
  async () => {
    const { Client } = require('pg');
    const client = new Client({ ...facts, connectionTimeoutMillis: 10_000 });
    client.on('error', () => {});
    await client.connect();
    try {
      await body(client);
    } finally {
      await client.end();
    }
  };

const values = (result, name) => result.rows.map(row => row[name]);

function end() {
  console.log(`node: ${passed} of ${all} steps`);
  process.exit(passed === all ? 0 : 1);
}

module.exports = { base, analyst, step, onlySteward, withPg, values, end };
