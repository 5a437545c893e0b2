// The engine's tags as SQL in DuckDB, in memory, with one thread. Usage: node engine_duckdb.mjs MODULES TABLE.csv
// Reads lines: "full" measures counting all tags, in the form of those tried that was fastest; "one N" the tag with this
// number; "counts" prints the counts of all with the sum of the ids per tag.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import path from "node:path";

const [modules, table] = process.argv.slice(2);
let DuckDBInstance;
try {
  ({ DuckDBInstance } = createRequire(path.join(path.resolve(modules), "none.js"))("@duckdb/node-api"));
} catch (error) {
  console.error(`Node ${process.version} on ${process.platform}-${process.arch} can't load @duckdb/node-api: ${error.message.split("\n")[0]}`);
  process.exit(1);
}
const [columns, ...tags] = readFileSync(`${table}.sql`, "utf8").trimEnd().split("\n");
const db = await (await DuckDBInstance.create(":memory:")).connect();
await db.run(`CREATE TABLE endpoint(${columns})`);
await db.run(`COPY endpoint FROM '${table}' (FORMAT csv, HEADER false)`);
await db.run("SET threads = 1");

const first = async (sql) => (await db.runAndReadAll(sql)).getRows()[0].map(Number);
const [rows] = await first("SELECT count(*) FROM endpoint");
const say = (what) => console.log(JSON.stringify(what));
const measured = async (work) => {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e6;
};
const counting = (sql) => `count_if(${sql}), count(${sql})`;
// A hundred tags per statement: five hundred took as long, single ones twice.
const statements = [];
for (let i = 0; i < tags.length; i += 100) {
  statements.push(await db.prepare(`SELECT ${tags.slice(i, i + 100).map(counting).join(", ")} FROM endpoint`));
}

say({ version: (await db.runAndReadAll("SELECT version()")).getRows()[0][0], rows });
for await (const line of createInterface({ input: process.stdin })) {
  const [what, which] = line.split(" ");
  if (what === "full") {
    say({ ms: await measured(async () => { for (const one of statements) await one.runAndReadAll(); }) });
  } else if (what === "one") {
    const sql = `SELECT ${counting(tags[which])} FROM endpoint`;
    say({ ms: await measured(() => db.runAndReadAll(sql)) });
  } else if (what === "counts") {
    const out = [];
    for (const sql of tags) {
      const [has, known, sum] = await first(`SELECT ${counting(sql)}, sum(id) FILTER (WHERE ${sql}) FROM endpoint`);
      out.push([has, rows - known, sum]);
    }
    say({ counts: out });
  }
}
process.exit(0);
