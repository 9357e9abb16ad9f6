import { isShellSafeName } from '../storage/shell-safe-name.js';
import { ArchiveError } from './archive-error.js';

export { isShellSafeName };

/**
 * Gives the name back if it is one.
 * @throws ArchiveError NAME_ILLEGAL
 */
export function shellSafeName(name: string): string {
  if (isShellSafeName(name)) return name;
  throw new ArchiveError('NAME_ILLEGAL', `illegal name: ${JSON.stringify(name)}`, {
    hint: 'Names have 3 to 127 of the characters a-z A-Z 0-9 . _ - and begin with a letter or digit.',
    facts: { actual: name },
  });
}

/** Names of backup folders, files and metadata files (spec: backup-format.md, section 2). */

export const METADATA_FOLDER = 'metadata';
export const EPOCH_ENDING_MANIFEST_NAME = 'epoch_ending.manifest';
export const STATE_SNAPSHOT_MANIFEST_NAME = 'state.manifest';
export const TRANSACTION_MANIFEST_NAME = 'transaction.manifest';
export const STATE_PROOF_NAME = 'state.proof';

export function epochEndingBackupName(startEpoch: bigint): string {
  return `epoch_ending_${startEpoch}-`;
}

export function stateSnapshotBackupName(epoch: bigint, version: bigint): string {
  return `state_epoch_${epoch}_ver_${version}`;
}

export function transactionBackupName(startVersion: bigint): string {
  return `transaction_${startVersion}-`;
}

/**
 * A folder for one try at a backup; `salt` is a random number of 16 bits, so that a later try never
 * meets the rest of an earlier one.
 */
export function backupFolderName(backupName: string, salt: number): string {
  return shellSafeName(`${backupName}.${(salt & 0xffff).toString(16).padStart(4, '0')}`);
}

/** The record file of a chunk, by its first epoch, item index or version. */
export function chunkFileName(first: bigint): string {
  return `${first}-.chunk`;
}

/** The proof file of a chunk. */
export function proofFileName(first: bigint, last: bigint): string {
  return `${first}-${last}.proof`;
}

/** What a metadata file's name says of its content; readers decide by the content alone. */
export type MetadataFileName =
  | {
      readonly kind: 'epochEnding';
      readonly compacted: boolean;
      readonly first: bigint;
      readonly last: bigint;
    }
  | {
      readonly kind: 'transaction';
      readonly compacted: boolean;
      readonly first: bigint;
      readonly last: bigint;
    }
  | { readonly kind: 'stateSnapshot'; readonly version: bigint }
  | { readonly kind: 'stateSnapshots'; readonly firstEpoch: bigint; readonly lastEpoch: bigint }
  | { readonly kind: 'identity' }
  | { readonly kind: 'compactionTimestamps'; readonly fileCompactedAt: bigint };

/** The file's base name, such as `transaction_0-289.meta`. */
export function metadataFileName(name: MetadataFileName): string {
  switch (name.kind) {
    case 'epochEnding':
      return `epoch_ending_${name.compacted ? 'compacted_' : ''}${name.first}-${name.last}.meta`;
    case 'transaction':
      return `transaction_${name.compacted ? 'compacted_' : ''}${name.first}-${name.last}.meta`;
    case 'stateSnapshot':
      return `state_snapshot_ver_${name.version}.meta`;
    case 'stateSnapshots':
      return `state_snapshot_compacted_epoch_${name.firstEpoch}_${name.lastEpoch}.meta`;
    case 'identity':
      return 'identity.meta';
    case 'compactionTimestamps':
      return `compaction_timestamps_${name.fileCompactedAt}.meta`;
  }
}

const NUMBER = '(0|[1-9][0-9]{0,19})';
const RANGED = new RegExp(`^(epoch_ending|transaction)_(compacted_)?${NUMBER}-${NUMBER}\\.meta$`);
const SNAPSHOT = new RegExp(`^state_snapshot_ver_${NUMBER}\\.meta$`);
const SNAPSHOTS = new RegExp(`^state_snapshot_compacted_epoch_${NUMBER}_${NUMBER}\\.meta$`);
const TIMESTAMPS = new RegExp(`^compaction_timestamps_${NUMBER}\\.meta$`);

/**
 * Recognises a metadata file by its handle or base name; undefined for any other name. It serves to say
 * which backup an unreadable entry very likely named.
 */
export function parseMetadataFileName(handle: string): MetadataFileName | undefined {
  const name = handle.slice(handle.lastIndexOf('/') + 1);
  if (name === 'identity.meta') return { kind: 'identity' };
  const ranged = RANGED.exec(name);
  if (ranged !== null) {
    const [, prefix, compacted, first = '', last = ''] = ranged;
    const kind = prefix === 'transaction' ? 'transaction' : 'epochEnding';
    return { kind, compacted: compacted !== undefined, first: BigInt(first), last: BigInt(last) };
  }
  const [, version] = SNAPSHOT.exec(name) ?? [];
  if (version !== undefined) return { kind: 'stateSnapshot', version: BigInt(version) };
  const [, firstEpoch, lastEpoch] = SNAPSHOTS.exec(name) ?? [];
  if (firstEpoch !== undefined && lastEpoch !== undefined) {
    return { kind: 'stateSnapshots', firstEpoch: BigInt(firstEpoch), lastEpoch: BigInt(lastEpoch) };
  }
  const [, time] = TIMESTAMPS.exec(name) ?? [];
  return time === undefined ? undefined : { kind: 'compactionTimestamps', fileCompactedAt: BigInt(time) };
}
