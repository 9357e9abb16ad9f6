// The main job on an embedded default: make an archive, prove it, damage a copy, see the damage named.
// Every command is the real one and is printed before it runs.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, install, root } from './setup.mjs';

install();
build();

const { generateLedger, writeReferenceArchive } = await import('../dist/testing/index.js');
const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-demo-'));

function say(text) {
  console.log(`\n# ${text}`);
}

function holdfast(expectedExitCode, ...args) {
  console.log(`$ holdfast ${args.join(' ')}`);
  const program = path.join(root, 'dist', 'cli', 'main.js');
  const { status } = spawnSync(process.execPath, [program, ...args], { stdio: 'inherit', cwd: folder });
  console.log(`(exit ${status})`);
  if (status !== expectedExitCode) throw new Error(`the demo expected exit code ${expectedExitCode}`);
}

try {
  say('A ledger of 3 ended epochs and an open one, backed up in the format of the reference');
  const ledger = generateLedger({ seed: 'demo', epochs: 3, transactions: 400, stateItems: 500 });
  const archive = await writeReferenceArchive(ledger, path.join(folder, 'archive'), { maxChunkSize: 60_000 });
  console.log(`${archive.files.length} files, versions 0 to ${archive.lastVersion}`);
  console.log(`genesis waypoint ${archive.genesisWaypoint}`);

  say('How far does it go?');
  holdfast(0, 'backup', 'query', 'backup-storage-state', '--local-fs-dir', 'archive');

  const verify = ['--trust-waypoint', archive.genesisWaypoint, '--all-state-snapshots'];
  say('Prove it, from the waypoint down to each record');
  holdfast(0, 'backup', 'verify', '--local-fs-dir', 'archive', ...verify);

  say('One flipped bit in a write set of a copy, which the reference does not notice');
  cpSync(path.join(folder, 'archive'), path.join(folder, 'damaged'), { recursive: true });
  const backup = readdirSync(path.join(folder, 'damaged')).find((name) => name.startsWith('transaction_'));
  const chunk = archive.files.find(
    ({ kind, handle }) => kind === 'transaction-chunk' && handle.startsWith(backup),
  );
  const file = path.join(folder, 'damaged', chunk.handle);
  const bytes = readFileSync(file);
  // The last byte of a chunk belongs to the write set of its last transaction.
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(file, bytes);
  holdfast(1, 'backup', 'verify', '--local-fs-dir', 'damaged', ...verify);
  say('The damage has a code, a file, a record and an offset. Done.');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
