// The whole suite: install and build if needed, say which real data is there, run every test file.
// Arguments are passed on as name patterns of test files: `npm test merkle` runs those in merkle/.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { build, install, root } from './setup.mjs';

install();
build();

const dist = path.join(root, 'dist');
const filters = process.argv.slice(2);
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort()
  .map((file) => path.join(dist, file));

const fixtures = process.env.HOLDFAST_FIXTURES ?? path.join(root, '..', 'shared', 'fixtures');
const realData = [
  'genesis',
  'archive-0l-mainnet',
  'reference-ledger',
  'reference-random',
  'archives-after-a-power-cut',
  'archives-damaged-in-the-wild',
];
for (const name of realData) {
  const found = existsSync(path.join(fixtures, name));
  console.log(
    `real data ${name}: ${found ? 'its suites run' : 'SKIPPED, not found (set HOLDFAST_FIXTURES)'}`,
  );
}

const result = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-concurrency=2', '--test-reporter=spec', ...files],
  { cwd: root, stdio: 'inherit' },
);
process.exit(result.status ?? 1);
