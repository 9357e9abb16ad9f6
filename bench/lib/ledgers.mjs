// Generated archives to measure on, made once and kept below .build, which git ignores.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { load, runChild } from './child.mjs';

const DATA_FOLDER = path.join(root, '.build', 'bench', 'data');
/** Changes when what is generated does. */
const FORMAT = 1;
/** The reference's default. */
export const CHUNK_BYTES = 128 * 1024 * 1024;

/** Gives `{ directory, waypoint, bytes }` of an archive of the reference's format. */
export async function generatedArchive({ stateItems, transactions, profile, chunkBytes = CHUNK_BYTES }) {
  const name = `archive-${FORMAT}-${profile}-${stateItems}-${transactions}-${chunkBytes}`;
  return await generatedOnce(name, { kind: 'archive', stateItems, transactions, profile, chunkBytes });
}

async function generatedOnce(name, what) {
  const directory = path.join(DATA_FOLDER, name);
  const facts = `${directory}.json`;
  if (!existsSync(facts)) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(DATA_FOLDER, { recursive: true });
    process.stderr.write(`generating ${name} ...\n`);
    await runChild(import.meta.filename, [JSON.stringify({ ...what, directory })], {
      nodeArgs: ['--max-old-space-size=12288'],
    });
  }
  return { directory, ...JSON.parse(readFileSync(facts, 'utf8')) };
}

async function generate({ directory, stateItems, transactions, profile, chunkBytes }) {
  const { generateLedger, writeReferenceArchive } = await load('testing/index.js');
  const ledger = generateLedger({ seed: 'bench', epochs: 1, transactions, stateItems, profile });
  const { genesisWaypoint } = await writeReferenceArchive(ledger, directory, { maxChunkSize: chunkBytes });
  const facts = { waypoint: genesisWaypoint, lastVersion: Number(ledger.lastVersion) };
  writeFileSync(`${directory}.json.new`, JSON.stringify(facts));
  renameSync(`${directory}.json.new`, `${directory}.json`);
}

if (process.argv[1] === import.meta.filename) await generate(JSON.parse(process.argv[2]));
