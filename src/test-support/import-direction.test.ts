import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from './fixtures.js';

/** The rooms from the ground up: a room imports only from rooms before it. `index.ts` imports from all. */
const ROOMS = [
  'errors',
  'telemetry',
  'bcs',
  'hashing',
  'types',
  'merkle',
  'trust',
  'ledger',
  'durable-fs',
  'crash-states',
  'storage',
  'archive',
  'records',
  'proving',
  'aptosdb',
  'service',
  'verify',
  'maintenance',
  'backup',
  'restore',
  'replay',
  'testing',
  'cli',
] as const;

/** Only these may reach the disk; everyone else is handed a storage or a file system. */
const ROOMS_WITH_FILES = new Set(['durable-fs', 'storage', 'archive', 'aptosdb', 'testing', 'cli']);

/** Packages that only one room may use, so that replacing one touches one room. */
const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  '@chainsafe/blst': ['trust', 'testing'],
  '@noble/curves': ['testing'],
  commander: ['cli'],
  execa: ['storage'],
  'log-update': ['cli'],
  'rocksdb-native': ['aptosdb'],
  fastify: ['service'],
  'prom-client': ['service', 'verify', 'backup', 'restore'],
  yaml: ['storage'],
  'smol-toml': ['storage'],
};

interface ImportEdge {
  readonly from: string;
  readonly specifier: string;
}

/** Every static import and re-export of a source text. */
function importsOf(source: string): string[] {
  const pattern = /^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function edgesOf(sourceRoot: string): ImportEdge[] {
  return readdirSync(sourceRoot, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.test\.(support\.)?ts$/.test(file))
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => !file.startsWith('test-support/'))
    .flatMap((file) => {
      const source = readFileSync(path.join(sourceRoot, file), 'utf8');
      return importsOf(source).map((specifier) => ({ from: file, specifier }));
    });
}

/** Why an edge is wrong, or undefined. */
function faultOf({ from, specifier }: ImportEdge): string | undefined {
  const room = from.includes('/') ? (from.split('/')[0] ?? '') : 'index';
  const rank = ROOMS.indexOf(room as (typeof ROOMS)[number]);
  if (room !== 'index' && rank < 0) return `${from}: the room ${room} is not in the list of rooms`;
  if (specifier.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(from), specifier).split('/')[0] ?? '';
    if (room === 'index' || target === room) return undefined;
    const targetRank = ROOMS.indexOf(target as (typeof ROOMS)[number]);
    return targetRank >= 0 && targetRank < rank ? undefined : `${from} imports upwards: ${specifier}`;
  }
  if (/^node:fs(\/|$)/.test(specifier) && !ROOMS_WITH_FILES.has(room)) {
    return `${from} touches the disk: ${specifier}`;
  }
  const home = Object.entries(PACKAGE_HOMES).find(
    ([name]) => specifier === name || specifier.startsWith(`${name}/`),
  );
  return home && !home[1].includes(room) ? `${from} uses ${home[0]}, which belongs to ${home[1]}` : undefined;
}

describe('import directions', () => {
  it('every import points to a lower room, and only the rooms meant for it touch disk and packages', () => {
    const edges = edgesOf(path.join(packageRoot(), 'src'));
    assert.ok(edges.length > 50, 'the walk found the sources');
    assert.deepEqual(
      edges.map(faultOf).filter((fault) => fault !== undefined),
      [],
    );
  });

  it('catches an upward import, a disk access and a package out of its room', () => {
    assert.match(faultOf({ from: 'bcs/x.ts', specifier: '../verify/y.js' }) ?? '', /upwards/);
    assert.match(faultOf({ from: 'verify/x.ts', specifier: 'node:fs/promises' }) ?? '', /disk/);
    assert.match(faultOf({ from: 'merkle/x.ts', specifier: '@chainsafe/blst' }) ?? '', /belongs/);
    assert.match(faultOf({ from: 'attic/x.ts', specifier: './y.js' }) ?? '', /not in the list/);
    assert.equal(faultOf({ from: 'cli/x.ts', specifier: '../bcs/y.js' }), undefined);
  });
});
