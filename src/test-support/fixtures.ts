import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Names the folder with real data of public networks; `../shared/fixtures` beside the checkout by default. */
export const FIXTURES_VARIABLE = 'HOLDFAST_FIXTURES';

/** The nearest folder above this module that holds the package. */
export function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}

/** Where the real-data fixtures are expected. */
export const fixturesRoot =
  process.env[FIXTURES_VARIABLE] ?? path.join(packageRoot(), '..', 'shared', 'fixtures');

/** The path of a fixture below the fixtures folder. */
export function fixturePath(...segments: readonly string[]): string {
  return path.join(fixturesRoot, ...segments);
}

/**
 * The value for a test's `skip` option: false where the fixture exists, otherwise the reason, which the
 * runner prints: `test('...', { skip: withoutFixture('genesis') }, ...)`.
 */
export function withoutFixture(...segments: readonly string[]): string | false {
  const wanted = fixturePath(...segments);
  return existsSync(wanted) ? false : `no real data at ${segments.join('/')} (set ${FIXTURES_VARIABLE})`;
}
