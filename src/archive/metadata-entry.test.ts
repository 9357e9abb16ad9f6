import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type MetadataEntry,
  parseMetadataFile,
  parseMetadataLine,
  serializeMetadataEntry,
} from './metadata-entry.js';

// spec: backup-format.md, section 5
const LINES = [
  '{"EpochEndingBackup":{"first_epoch":0,"last_epoch":0,"first_version":0,"last_version":0,"manifest":"epoch_ending_0-.b7d0/epoch_ending.manifest"}}',
  '{"StateSnapshotBackup":{"epoch":100,"version":33007311,"manifest":"state_epoch_100_ver_33007311.3927/state.manifest"}}',
  '{"TransactionBackup":{"first_version":0,"last_version":0,"manifest":"transaction_0-.89de/transaction.manifest"}}',
  '{"Identity":{"id":"365716021642fcb101fd04c91718174edbc1e2a477ad11922fd663a29ff334c6"}}',
  '{"CompactionTimestamps":{"file_compacted_at":1700000000,"compaction_timestamps":{"metadata/identity.meta":1699990000,"metadata/transaction_0-0.meta":null}}}',
];
const [EPOCH_ENDING = '', SNAPSHOT = ''] = LINES;

const handle = 'metadata/x.meta';
const parse = (text: string) => parseMetadataFile(Buffer.from(text), handle);

test('every kind of entry is read and written back byte for byte', () => {
  const kinds = LINES.map((line) => {
    const entry = parseMetadataLine(Buffer.from(line));
    assert.equal(serializeMetadataEntry(entry), line);
    return entry.kind;
  });
  assert.deepEqual(kinds, [
    'EpochEndingBackup',
    'StateSnapshotBackup',
    'TransactionBackup',
    'Identity',
    'CompactionTimestamps',
  ]);
});

test('fields that are not known survive reading and writing', () => {
  for (const line of LINES) {
    const extended = line.replace(/\}\}$/, ',"sha256":{"a":[1.5]}}}');
    assert.equal(serializeMetadataEntry(parseMetadataLine(Buffer.from(extended))), extended);
  }
});

test('any entry survives writing and reading', () => {
  const number = fc.bigInt(0n, 2n ** 64n - 1n);
  const manifest = fc.string({ unit: 'grapheme' });
  const plain = { noNullPrototype: true };
  const entry: fc.Arbitrary<MetadataEntry> = fc.oneof(
    fc.record(
      {
        kind: fc.constant('EpochEndingBackup' as const),
        firstEpoch: number,
        lastEpoch: number,
        firstVersion: number,
        lastVersion: number,
        manifest,
      },
      plain,
    ),
    fc.record(
      { kind: fc.constant('StateSnapshotBackup' as const), epoch: number, version: number, manifest },
      plain,
    ),
    fc.record(
      {
        kind: fc.constant('TransactionBackup' as const),
        firstVersion: number,
        lastVersion: number,
        manifest,
      },
      plain,
    ),
    fc.record(
      { kind: fc.constant('Identity' as const), id: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
      plain,
    ),
    fc.record(
      {
        kind: fc.constant('CompactionTimestamps' as const),
        fileCompactedAt: number,
        compactionTimestamps: fc
          .array(fc.tuple(manifest, fc.option(number, { nil: undefined })))
          .map((pairs) => new Map(pairs)),
      },
      plain,
    ),
  );
  fc.assert(
    fc.property(entry, (value) => {
      assert.deepEqual(parseMetadataLine(Buffer.from(serializeMetadataEntry(value))), value);
    }),
  );
});

test('a file of several lines gives each with its number, with either line ending', () => {
  for (const ending of ['\n', '\r\n']) {
    for (const tail of ['', ending]) {
      const { entries, problem } = parse(LINES.join(ending) + tail);
      assert.equal(problem, undefined);
      assert.deepEqual(
        entries.map(({ line }) => line),
        [1, 2, 3, 4, 5],
      );
      assert.ok(entries.every((entry) => entry.handle === handle));
    }
  }
  assert.equal(parse(`  ${SNAPSHOT}\t\n`).problem, undefined, 'spaces around an entry are fine');
});

test('an empty file is a problem of its own kind', () => {
  const { entries, problem } = parse('');
  assert.deepEqual(entries, []);
  assert.equal(problem?.code, 'METADATA_EMPTY');
  assert.equal(problem?.facts.handle, handle);
});

test('a file that is torn, zeroed, foreign or of an unknown kind is a problem that names it', () => {
  for (const text of [
    SNAPSHOT.slice(0, 40),
    '\0'.repeat(100),
    'hello\n',
    '\n',
    '{}',
    '[]',
    '{"OtherBackup":{"x":1}}',
    SNAPSHOT.replace(/\}$/, ',"Identity":{}}'),
    SNAPSHOT.replace('"epoch":100,', ''),
    SNAPSHOT.replace('100', '"100"'),
    `${SNAPSHOT} ${SNAPSHOT}`,
    SNAPSHOT.replace('{', '{\n'),
  ]) {
    const { entries, problem } = parse(text);
    assert.equal(entries.length, 0, text);
    assert.equal(problem?.code, 'METADATA_UNREADABLE', text);
    assert.equal(problem?.facts.handle, handle);
  }
  assert.match(parse('\0'.repeat(100)).problem?.message ?? '', /100 zero bytes/);
});

test('a bad line does not hide the good ones, and is told with its number and byte', () => {
  const { entries, problem } = parse(`${EPOCH_ENDING}\n\n${SNAPSHOT}\n${SNAPSHOT.slice(0, 30)}`);
  assert.deepEqual(
    entries.map(({ entry, line }) => [entry.kind, line]),
    [
      ['EpochEndingBackup', 1],
      ['StateSnapshotBackup', 3],
    ],
  );
  assert.equal(problem?.code, 'METADATA_UNREADABLE');
  assert.equal(problem?.facts.line, 2);
  assert.equal(problem?.facts.badLines, 2);
  assert.equal(problem?.facts.byteOffset, EPOCH_ENDING.length + 1);
});

test('any bytes at all give entries or a problem', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.ok(parseMetadataFile(bytes, handle).problem !== undefined);
    }),
  );
});
