import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkEpochEndingManifest,
  parseEpochEndingManifest,
  serializeEpochEndingManifest,
} from './epoch-ending-manifest.js';
import { JsonError } from './json-error.js';
import type { ManifestProblem } from './manifest-check.js';
import {
  checkStateSnapshotManifest,
  parseStateSnapshotManifest,
  serializeStateSnapshotManifest,
} from './state-snapshot-manifest.js';
import {
  checkTransactionManifest,
  parseTransactionManifest,
  serializeTransactionManifest,
} from './transaction-manifest.js';

// Of the public 0L archive (spec: backup-format.md, section 4).
const EPOCH_ENDING =
  '{"first_epoch":0,"last_epoch":0,"waypoints":["0:0b0947eb5327275bc7cfde3cb5c0cd03a0058e3c54c30ba962fbc90e97e664ce"],"chunks":[{"first_epoch":0,"last_epoch":0,"ledger_infos":"epoch_ending_0-.b7d0/0-.chunk"}]}';
const STATE =
  '{"version":33007311,"epoch":100,"root_hash":"09cb66ca086ad58d68120d0aec7600ac5231c5cb4c86cb5a4658d838893cb7bf","chunks":[{"first_idx":0,"last_idx":129429,"first_key":"0000acadcb83f9bdcffcbb63d132be250f8018a731137db7e3aab5af2e3bc8bd","last_key":"fffff7e8a7aff9e730227f0decbef95c00ccdd60744654b8c4799a80bec23e5a","blobs":"state_epoch_100_ver_33007311.3927/0-.chunk","proof":"state_epoch_100_ver_33007311.3927/0-129429.proof"}],"proof":"state_epoch_100_ver_33007311.3927/state.proof"}';
const TRANSACTION =
  '{"first_version":0,"last_version":0,"chunks":[{"first_version":0,"last_version":0,"transactions":"transaction_0-.89de/0-.chunk","proof":"transaction_0-.89de/0-0.proof"}]}';

const epochEnding = (text: string) => parseEpochEndingManifest(Buffer.from(text));
const state = (text: string) => parseStateSnapshotManifest(Buffer.from(text));
const transaction = (text: string) => parseTransactionManifest(Buffer.from(text));
const rules = (problems: readonly ManifestProblem[]): string[] =>
  problems.map(({ rule, path }) => `${rule} ${path}`);

test('the manifests of a real archive are read and written back byte for byte', () => {
  const epochs = epochEnding(EPOCH_ENDING);
  assert.equal(epochs.chunks[0]?.ledgerInfos, 'epoch_ending_0-.b7d0/0-.chunk');
  assert.equal(serializeEpochEndingManifest(epochs), EPOCH_ENDING);
  const snapshot = state(STATE);
  assert.equal(snapshot.version, 33007311n);
  assert.equal(snapshot.rootHash[0], 9);
  assert.equal(snapshot.chunks[0]?.lastIdx, 129429n);
  assert.equal(serializeStateSnapshotManifest(snapshot), STATE);
  const transactions = transaction(TRANSACTION);
  assert.equal(transactions.chunks[0]?.format, 'V0');
  assert.equal(serializeTransactionManifest(transactions), TRANSACTION);
  for (const problems of [
    checkEpochEndingManifest(epochs),
    checkStateSnapshotManifest(snapshot),
    checkTransactionManifest(transactions),
  ])
    assert.deepEqual(problems, []);
});

test('a format is V0, V1 or left out, and nothing else', () => {
  const withFormat = (format: string): string =>
    TRANSACTION.replace('0-0.proof"', `0-0.proof","format":${format}`);
  for (const format of ['V0', 'V1']) {
    const text = withFormat(`"${format}"`);
    assert.equal(transaction(text).chunks[0]?.format, format);
    assert.equal(serializeTransactionManifest(transaction(text)), text);
  }
  for (const format of ['null', '"V2"', '"v1"', '1', '["V1"]'])
    assert.throws(() => transaction(withFormat(format)), JsonError, format);
  assert.equal(transaction('[0,0,[[0,0,"t","p"]]]').chunks[0]?.format, 'V0');
});

test('fields that are not known survive reading and writing, in the manifest and in its chunks', () => {
  for (const [text, again] of [
    [EPOCH_ENDING, (extended: string) => serializeEpochEndingManifest(epochEnding(extended))],
    [STATE, (extended: string) => serializeStateSnapshotManifest(state(extended))],
    [TRANSACTION, (extended: string) => serializeTransactionManifest(transaction(extended))],
  ] as const) {
    const extended = text.replace('}]', ',"sha256":{"a":1.5}}]').replace(/\}$/, ',"attestation":[1,null]}');
    assert.equal(again(extended), extended);
  }
  const { extras } = transaction(TRANSACTION.replace(/\}$/, ',"attestation":[1]}'));
  assert.equal(Buffer.from(extras?.get('attestation') ?? []).toString(), '[1]');
});

test('a manifest without one of its fields is refused, and the field is named', () => {
  for (const [text, parse] of [
    [EPOCH_ENDING, epochEnding],
    [STATE, state],
    [TRANSACTION, transaction],
  ] as const) {
    for (const [, name = ''] of text.matchAll(/"([a-z_]+)":/g)) {
      assert.throws(
        () => parse(text.replace(`"${name}":`, `"x${name}":`)),
        (error) => error instanceof JsonError && error.message.includes(`missing field ${name}`),
        name,
      );
    }
  }
});

test('a waypoint is a version and a hash', () => {
  for (const waypoint of [
    '',
    '0',
    ':',
    `x:${'0'.repeat(64)}`,
    `0:${'0'.repeat(63)}`,
    `0:${'g'.repeat(64)}`,
    `99999999999999999999:${'0'.repeat(64)}`,
  ])
    assert.throws(() => epochEnding(`[0,0,["${waypoint}"],[]]`), JsonError, waypoint);
});

const chunkText = (ranges: readonly (readonly [number, number])[]): string =>
  `[${ranges.map(([first, last]) => `[${first},${last},"t","p"]`).join(',')}]`;

test('all that a transaction manifest says against itself is listed, each lie once', () => {
  const check = (first: number, last: number, ranges: [number, number][]): string[] =>
    rules(checkTransactionManifest(transaction(`[${first},${last},${chunkText(ranges)}]`)));
  assert.deepEqual(
    check(5, 9, [
      [5, 6],
      [7, 7],
      [8, 9],
    ]),
    [],
  );
  assert.deepEqual(check(5, 9, []), ['NO_CHUNKS chunks']);
  assert.deepEqual(check(9, 5, []), ['RANGE_INVERTED last_version', 'NO_CHUNKS chunks']);
  assert.deepEqual(check(5, 9, [[6, 9]]), ['CHUNKS_NOT_CONTINUOUS chunks[0].first_version']);
  assert.deepEqual(
    check(5, 9, [
      [5, 6],
      [8, 9],
    ]),
    ['CHUNKS_NOT_CONTINUOUS chunks[1].first_version'],
  );
  assert.deepEqual(
    check(5, 9, [
      [5, 7],
      [7, 9],
    ]),
    ['CHUNKS_NOT_CONTINUOUS chunks[1].first_version'],
  );
  assert.deepEqual(
    check(5, 9, [
      [5, 6],
      [7, 8],
    ]),
    ['LAST_DIFFERS last_version'],
  );
  assert.deepEqual(
    check(5, 9, [
      [5, 4],
      [5, 9],
    ]),
    ['CHUNK_RANGE_INVERTED chunks[0].last_version'],
  );
  assert.deepEqual(
    check(5, 9, [
      [4, 6],
      [8, 8],
      [9, 10],
    ]),
    [
      'CHUNKS_NOT_CONTINUOUS chunks[0].first_version',
      'CHUNKS_NOT_CONTINUOUS chunks[1].first_version',
      'LAST_DIFFERS last_version',
    ],
  );
});

test('an epoch ending manifest has one waypoint an epoch', () => {
  const check = (last: number, waypoints: number): string[] => {
    const texts = Array.from({ length: waypoints }, (_, index) => `"${index}:${'ab'.repeat(32)}"`);
    return rules(checkEpochEndingManifest(epochEnding(`[2,${last},[${texts}],[[2,${last},"l"]]]`)));
  };
  assert.deepEqual(check(4, 3), []);
  assert.deepEqual(check(4, 2), ['WAYPOINT_COUNT waypoints']);
  assert.deepEqual(check(4, 4), ['WAYPOINT_COUNT waypoints']);
});

const key = (byte: number): string => byte.toString(16).padStart(2, '0').repeat(32);
function stateProblems(chunks: readonly (readonly [number, number, number, number])[]): string[] {
  const texts = chunks.map(
    ([first, last, from, to]) => `[${first},${last},"${key(from)}","${key(to)}","b","p"]`,
  );
  return rules(checkStateSnapshotManifest(state(`[0,0,"${key(0)}",[${texts}],"p"]`)));
}

test('all that a state manifest says against itself is listed', () => {
  assert.deepEqual(
    stateProblems([
      [0, 3, 1, 4],
      [4, 4, 5, 5],
      [5, 9, 6, 9],
    ]),
    [],
  );
  assert.deepEqual(stateProblems([]), ['NO_CHUNKS chunks']);
  assert.deepEqual(stateProblems([[1, 3, 1, 4]]), ['CHUNKS_NOT_CONTINUOUS chunks[0].first_idx']);
  assert.deepEqual(
    stateProblems([
      [0, 3, 1, 4],
      [5, 9, 5, 9],
    ]),
    ['CHUNKS_NOT_CONTINUOUS chunks[1].first_idx'],
  );
  assert.deepEqual(stateProblems([[3, 0, 1, 4]]), [
    'CHUNKS_NOT_CONTINUOUS chunks[0].first_idx',
    'CHUNK_RANGE_INVERTED chunks[0].last_idx',
  ]);
  assert.deepEqual(stateProblems([[0, 3, 4, 1]]), ['CHUNK_KEYS chunks[0].last_key']);
  assert.deepEqual(stateProblems([[0, 3, 4, 4]]), ['CHUNK_KEYS chunks[0].last_key'], 'four items, one key');
  assert.deepEqual(stateProblems([[0, 0, 4, 5]]), ['CHUNK_KEYS chunks[0].last_key'], 'one item, two keys');
  for (const first of [3, 4])
    assert.deepEqual(
      stateProblems([
        [0, 3, 1, 4],
        [4, 9, first, 9],
      ]),
      ['KEYS_NOT_ASCENDING chunks[1].first_key'],
    );
});
