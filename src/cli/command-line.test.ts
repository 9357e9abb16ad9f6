import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { execa } from 'execa';
import { fileAppears } from '../test-support/file-appears.js';
import { fixturePath, packageRoot, withoutFixture } from '../test-support/fixtures.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { generateLedger, writeReferenceArchive } from '../testing/index.js';

const PROGRAM = path.join(packageRoot(), 'dist', 'cli', 'main.js');

/** The real program in a process of its own. */
async function holdfast(...args: readonly string[]) {
  const result = await execa(process.execPath, [PROGRAM, ...args], { reject: false, stdin: 'ignore' });
  return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
}

async function generatedArchive(test: Parameters<typeof temporaryFolder>[0]) {
  const directory = temporaryFolder(test);
  const ledger = generateLedger({ seed: 'command line', epochs: 2, transactions: 40, stateItems: 20 });
  return await writeReferenceArchive(ledger, directory, { maxChunkSize: 16_000 });
}

describe('output that nobody reads', () => {
  for (const stream of ['stdout', 'stderr'] as const) {
    it(`is no failure on ${stream}`, async (t) => {
      const { directory } = await generatedArchive(t);
      const rules = ['--local-fs-dir', directory, '--json'];
      const child = spawn(process.execPath, [PROGRAM, 'backup', 'query', 'backup-storage-state', ...rules], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const ended = once(child, 'exit');
      const complaints = stream === 'stdout' ? text(child.stderr) : '';
      child[stream].destroy();
      assert.deepEqual(await ended, [0, null], await complaints);
    });
  }
});

describe('holdfast backup verify', () => {
  it('proves a generated archive: exit code 0, and a summary that names the root', async (t) => {
    const { directory, genesisWaypoint, lastVersion } = await generatedArchive(t);
    const result = await holdfast(
      'backup',
      'verify',
      '--local-fs-dir',
      directory,
      '--trust-waypoint',
      genesisWaypoint,
    );
    assert.equal(result.exitCode, 0, result.stderr);
    assert.match(result.stdout, /^PROVEN$/m);
    assert.match(result.stdout, new RegExp(`^transactions proven: 0 to ${lastVersion}$`, 'm'));
    assert.match(result.stdout, new RegExp(`^trust root: trusted waypoints ${genesisWaypoint}$`, 'm'));
    assert.equal(result.stderr, '', 'nothing is drawn where there is no terminal');
  });

  it('has exit code 1 for findings, and the same report as JSON and in a file', async (t) => {
    const { directory, files } = await generatedArchive(t);
    const chunk = files.find(({ kind }) => kind === 'transaction-chunk')?.handle ?? '';
    const bytes = readFileSync(path.join(directory, chunk));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(path.join(directory, chunk), bytes);
    const reportFile = path.join(temporaryFolder(t), 'report.json');
    const result = await holdfast(
      'backup',
      'verify',
      '--local-fs-dir',
      directory,
      '--json',
      '--report',
      reportFile,
    );
    assert.equal(result.exitCode, 1);
    const report = JSON.parse(result.stdout);
    assert.equal(report.outcome, 'findings');
    assert.equal(report.trustRoot, 'archive');
    assert.equal(report.findings[0].file, chunk);
    assert.equal(report.findings[0].record, 0);
    assert.deepEqual(JSON.parse(readFileSync(reportFile, 'utf8')), report);
  });

  it('an allowed finding makes the exit code 0 again, --must-reach beyond the end makes it 1', async (t) => {
    const { directory } = await generatedArchive(t);
    const verify = ['backup', 'verify', '--local-fs-dir', directory, '--must-reach', '1000'];
    const early = await holdfast(...verify);
    assert.equal(early.exitCode, 1);
    assert.match(early.stdout, /ENDS_EARLY/);
    const allowed = await holdfast(...verify, '--allow', 'ENDS_EARLY');
    assert.equal(allowed.exitCode, 0);
    assert.match(allowed.stdout, /allowed ENDS_EARLY/);
  });

  it('writes the transaction analysis once, and refuses to overwrite it', async (t) => {
    const { directory, lastVersion } = await generatedArchive(t);
    const tables = path.join(temporaryFolder(t), 'tables');
    const analyse = [
      'backup',
      'verify',
      '--local-fs-dir',
      directory,
      '--output-transaction-analysis',
      tables,
    ];
    assert.equal((await holdfast(...analyse)).exitCode, 0);
    const rows = readFileSync(path.join(tables, 'transaction.csv'), 'utf8').trimEnd().split('\n');
    assert.equal(rows[0], 'version,transaction_size,events_size,write_set_size');
    assert.equal(rows.length, Number(lastVersion) + 2);
    assert.match(rows.at(-1) ?? '', new RegExp(`^${lastVersion},[0-9]+,[0-9]+,[0-9]+$`));
    const again = await holdfast(...analyse);
    assert.equal(again.exitCode, 2);
    assert.match(again.stderr, /transaction analysis/);
  });

  it('never writes to the archive', async (t) => {
    const { directory } = await generatedArchive(t);
    const stamp = (): string[] =>
      readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((file) => `${file} ${statSync(path.join(directory, file)).mtimeMs}`);
    const before = stamp();
    const cache = temporaryFolder(t);
    await holdfast('backup', 'verify', '--local-fs-dir', directory, '--metadata-cache-dir', cache);
    await holdfast('backup', 'query', 'backup-storage-state', '--local-fs-dir', directory);
    assert.deepEqual(stamp(), before);
    assert.ok(existsSync(path.join(cache, 'cache')));
  });

  it('gives the same verdict with a warm metadata cache', async (t) => {
    const { directory } = await generatedArchive(t);
    const verify = [
      'backup',
      'verify',
      '--local-fs-dir',
      directory,
      '--metadata-cache-dir',
      temporaryFolder(t),
    ];
    const cold = await holdfast(...verify);
    const warm = await holdfast(...verify);
    assert.equal(warm.exitCode, 0);
    assert.equal(warm.stdout, cold.stdout);
  });

  it('is interrupted by SIGINT with exit code 130', async (t) => {
    const folder = temporaryFolder(t);
    const config = path.join(folder, 'adapter.yaml');
    const started = path.join(folder, 'started');
    // Listing hangs until it is killed, and says when it began.
    const commands = ['create_backup', 'create_for_write', 'open_for_read', 'save_metadata_line'];
    writeFileSync(
      config,
      `env_vars: []\ncommands:\n${commands.map((name) => `  ${name}: "true"\n`).join('')}` +
        `  list_metadata_files: "echo $$ > ${started}.tmp; mv ${started}.tmp ${started}; exec sleep 600"\n`,
    );
    const program = path.join(packageRoot(), 'dist', 'cli', 'main.js');
    const args = [program, 'backup', 'verify', '--command-adapter-config', config];
    const child = execa(process.execPath, args, { reject: false, stdin: 'ignore' });
    const pid = Number(await fileAppears(folder, 'started'));
    child.kill('SIGINT');
    const { exitCode, stderr } = await child;
    assert.equal(exitCode, 130);
    assert.match(stderr, /interrupted/);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
});

describe('wrong command lines', () => {
  const wrong: readonly (readonly [string, RegExp, ...string[]])[] = [
    ['no storage', /--local-fs-dir/, 'backup', 'verify'],
    [
      'two storages',
      /cannot be used with/,
      'backup',
      'verify',
      '--local-fs-dir',
      'a',
      '--command-adapter-config',
      'b',
    ],
    ['an unknown option', /unknown option/, 'backup', 'verify', '--local-fs-dir', 'a', '--frob'],
    ['an unknown command', /unknown command/, 'frob'],
    ['a bad waypoint', /not a waypoint/, 'backup', 'verify', '--local-fs-dir', 'a', '--trust-waypoint', '5'],
    ['a bad version', /whole number/, 'backup', 'verify', '--local-fs-dir', 'a', '--start-version', '-1'],
    [
      'a version above 64 bits',
      /64 bits/,
      'backup',
      'verify',
      '--local-fs-dir',
      'a',
      '--end-version',
      `${2n ** 64n}`,
    ],
    [
      'an unknown finding',
      /no code of a finding/,
      'backup',
      'verify',
      '--local-fs-dir',
      'a',
      '--allow',
      'NOTHING',
    ],
    [
      'an unknown family',
      /Allowed choices/,
      'backup',
      'verify',
      '--local-fs-dir',
      'a',
      '--ledger-family',
      'sui',
    ],
    [
      'both ways to go on',
      /exclude each other/,
      'backup',
      'verify',
      '--local-fs-dir',
      'a',
      '--keep-going',
      '--fail-fast',
    ],
    ['no genesis file', /genesis-txn-file/, 'bootstrap'],
    ['a genesis file that is not there', /cannot read/, 'bootstrap', '-g', '/no/such/file'],
  ];
  for (const [what, message, ...args] of wrong) {
    it(`${what}: one clear sentence and exit code 2`, async () => {
      const { exitCode, stdout, stderr } = await holdfast(...args);
      assert.equal(exitCode, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /^ {4}at /m, 'no stack trace');
    });
  }

  it('a folder that is not there: exit code 3', async () => {
    const { exitCode, stderr } = await holdfast('backup', 'verify', '--local-fs-dir', '/no/such/archive');
    assert.equal(exitCode, 3);
    assert.match(stderr, /STORAGE_UNREACHABLE/);
  });

  it('an adapter configuration that is none: exit code 3', async (t) => {
    const config = path.join(temporaryFolder(t), 'adapter.yaml');
    writeFileSync(config, 'commands: 5\n');
    const { exitCode, stderr } = await holdfast('backup', 'verify', '--command-adapter-config', config);
    assert.equal(exitCode, 3);
    assert.match(stderr, /ADAPTER_CONFIG_INVALID/);
  });

  it('--help and --version are no failures', async () => {
    const help = await holdfast('backup', 'verify', '--help');
    assert.equal(help.exitCode, 0);
    assert.match(help.stdout, /--trust-waypoint/);
    const version = await holdfast('--version');
    assert.equal(version.exitCode, 0);
    assert.match(version.stdout, /^[0-9]+\.[0-9]+\.[0-9]+$/);
  });
});

describe('holdfast backup query backup-storage-state', () => {
  it('prints the line of the reference', { skip: withoutFixture('reference-ledger') }, async () => {
    const archive = fixturePath('reference-ledger', 'archive');
    const { exitCode, stdout } = await holdfast(
      'backup',
      'query',
      'backup-storage-state',
      '--local-fs-dir',
      archive,
    );
    assert.equal(exitCode, 0);
    assert.equal(
      stdout,
      'latest_epoch_ending_epoch: 5, latest_state_snapshot_epoch: 5, latest_state_snapshot_version: 490, latest_transaction_version: 580',
    );
  });

  it('prints none of everything for an empty folder, and leaves it empty', async (t) => {
    const folder = temporaryFolder(t);
    const { exitCode, stdout } = await holdfast(
      'backup',
      'query',
      'backup-storage-state',
      '--local-fs-dir',
      folder,
    );
    assert.equal(exitCode, 0);
    assert.match(stdout, /^latest_epoch_ending_epoch: none, .*latest_transaction_version: none$/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('names metadata that it could not read', {
    skip: withoutFixture('archives-after-a-power-cut'),
  }, async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(path.join(folder, 'metadata'));
    cpSync(fixturePath('archives-after-a-power-cut', 'ext4-a', 'metadata'), path.join(folder, 'metadata'), {
      recursive: true,
    });
    const query = ['backup', 'query', 'backup-storage-state', '--local-fs-dir', folder, '--json'];
    const { exitCode, stdout, stderr } = await holdfast(...query);
    assert.equal(exitCode, 1);
    assert.equal(JSON.parse(stdout).latestStateSnapshotVersion, 0);
    assert.equal(JSON.parse(stdout).unreadable.length, 2);
    assert.match(stderr, /METADATA_EMPTY/);
  });
});

describe('holdfast bootstrap', { skip: withoutFixture('genesis') }, () => {
  const genesis = (network: string): string => fixturePath('genesis', network, 'genesis.blob');
  const waypoint = (network: string): string =>
    readFileSync(fixturePath('genesis', network, 'waypoint.txt'), 'utf8').trim();

  it('prints the lines of the reference, and verifies the waypoint', async () => {
    const { exitCode, stdout } = await holdfast(
      'bootstrap',
      '-g',
      genesis('mainnet'),
      '-w',
      waypoint('mainnet'),
    );
    assert.equal(exitCode, 0);
    assert.equal(
      stdout,
      `Db has 0 transactions\nSuccessfully calculated genesis. Got waypoint: ${waypoint('mainnet')}\nWaypoint verified.`,
    );
  });

  it('fails if it is not the waypoint', async () => {
    const { exitCode, stderr } = await holdfast(
      'bootstrap',
      '-g',
      genesis('mainnet'),
      '-w',
      waypoint('testnet'),
    );
    assert.equal(exitCode, 1);
    assert.match(stderr, /Waypoint verification failed/);
  });

  it('refuses a file that is no genesis', async () => {
    const { exitCode, stderr } = await holdfast(
      'bootstrap',
      '-g',
      fixturePath('genesis', 'mainnet', 'waypoint.txt'),
    );
    assert.equal(exitCode, 1);
    assert.match(stderr, /GENESIS_UNREADABLE/);
  });
});
