import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArchiveError } from './archive-error.js';
import {
  backupFolderName,
  chunkFileName,
  epochEndingBackupName,
  isShellSafeName,
  type MetadataFileName,
  metadataFileName,
  parseMetadataFileName,
  proofFileName,
  shellSafeName,
  stateSnapshotBackupName,
  transactionBackupName,
} from './names.js';

test('names that a shell could take for something else are refused', () => {
  for (const name of [
    '',
    'ab',
    '.',
    '..',
    '.hidden',
    '-m',
    'a b',
    'a\nb',
    'abc\n',
    'ab?',
    'ü12',
    'x'.repeat(128),
  ]) {
    assert.equal(isShellSafeName(name), false, JSON.stringify(name));
    assert.throws(
      () => shellSafeName(name),
      (error) => error instanceof ArchiveError && error.code === 'NAME_ILLEGAL',
    );
  }
  for (const name of ['abc', '0-.chunk', 'x'.repeat(127)]) assert.equal(shellSafeName(name), name);
});

test('folders and files are named as archives have them', () => {
  assert.equal(backupFolderName(epochEndingBackupName(0n), 0xb7d0), 'epoch_ending_0-.b7d0');
  assert.equal(backupFolderName(transactionBackupName(0n), 0x9), 'transaction_0-.0009');
  assert.equal(
    backupFolderName(stateSnapshotBackupName(100n, 33007311n), 0x3927),
    'state_epoch_100_ver_33007311.3927',
  );
  assert.equal(chunkFileName(5n), '5-.chunk');
  assert.equal(proofFileName(0n, 129429n), '0-129429.proof');
});

test('names of metadata files are made and recognised', () => {
  const names: [string, MetadataFileName][] = [
    ['epoch_ending_0-5.meta', { kind: 'epochEnding', compacted: false, first: 0n, last: 5n }],
    ['epoch_ending_compacted_0-5.meta', { kind: 'epochEnding', compacted: true, first: 0n, last: 5n }],
    ['transaction_290-580.meta', { kind: 'transaction', compacted: false, first: 290n, last: 580n }],
    ['transaction_compacted_0-580.meta', { kind: 'transaction', compacted: true, first: 0n, last: 580n }],
    ['state_snapshot_ver_18446744073709551615.meta', { kind: 'stateSnapshot', version: 2n ** 64n - 1n }],
    ['state_snapshot_compacted_epoch_0_3.meta', { kind: 'stateSnapshots', firstEpoch: 0n, lastEpoch: 3n }],
    ['identity.meta', { kind: 'identity' }],
    ['compaction_timestamps_1795457446.meta', { kind: 'compactionTimestamps', fileCompactedAt: 1795457446n }],
  ];
  for (const [text, name] of names) {
    assert.equal(metadataFileName(name), text);
    assert.deepEqual(parseMetadataFileName(text), name);
    assert.deepEqual(parseMetadataFileName(`metadata/${text}`), name);
  }
  for (const text of [
    '',
    'notes.txt',
    'epoch_ending_5.meta',
    'transaction_01-5.meta',
    'transaction_1-5.meta.tmp',
  ])
    assert.equal(parseMetadataFileName(text), undefined, text);
});
