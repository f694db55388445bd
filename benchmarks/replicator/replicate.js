// Moves events by the method of the Node.js slate-replicator, until the destination has all that the source had.
//
// Its method: LISTEN; a query of up to 50,000 events in the order of ids, read as a stream of rows; of every 10,000
// of them one INSERT with as many rows of literals, built from the parsed JSON; again, until nothing is missing. These
// are the sizes of its documented configuration; its defaults are smaller. It has one connection to each database, and
// does not read while it writes.
//
// Arguments: the connection strings of source and destination. Prints the number of events that it moved.

const { Client } = require("pg");
const QueryStream = require("pg-query-stream");

const EVENTS_A_READ = 50000;
const EVENTS_A_WRITE = 10000;
const ROWS_A_FETCH = 1000;

async function highestId(client) {
  const { rows } = await client.query("SELECT coalesce(max(id), 0) AS id FROM events");
  return Number(rows[0].id);
}

function literal(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

async function store(client, events) {
  const rows = events.map((one) => `(${one.id}, '${one.ts.toISOString()}', ${literal(JSON.stringify(one.event))})`);
  const result = await client.query(`INSERT INTO events (id, ts, event) VALUES ${rows.join(", ")}`);
  if (result.rowCount !== events.length) throw new Error(`${result.rowCount} of ${events.length} events were stored`);
}

async function replicate(source, destination, after) {
  const query = `SELECT id, ts, event FROM events WHERE id > ${after} ORDER BY id LIMIT ${EVENTS_A_READ}`;
  const stream = source.query(new QueryStream(query, [], { batchSize: ROWS_A_FETCH, highWaterMark: ROWS_A_FETCH }));
  let events = [];
  let last = after;
  for await (const row of stream) {
    events.push(row);
    if (events.length === EVENTS_A_WRITE) {
      await store(destination, events);
      last = Number(row.id);
      events = [];
    }
  }
  if (events.length) {
    await store(destination, events);
    last = Number(events[events.length - 1].id);
  }
  return last;
}

async function main([sourceDsn, destinationDsn]) {
  const source = new Client({ connectionString: sourceDsn });
  const destination = new Client({ connectionString: destinationDsn });
  await source.connect();
  await destination.connect();
  await source.query("LISTEN eventsinsert");
  const target = await highestId(source);
  const before = await highestId(destination);
  for (let last = before; last < target; ) last = await replicate(source, destination, last);
  console.log(target - before);
  await source.end();
  await destination.end();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
