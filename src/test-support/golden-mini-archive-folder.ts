import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { toHex } from '../hashing/hash-value.js';
import {
  GOLDEN_EPOCH_CHUNK,
  GOLDEN_EPOCH_WAYPOINT,
  GOLDEN_STATE_CHUNK_0,
  GOLDEN_STATE_CHUNK_2,
  GOLDEN_STATE_CHUNK_PROOF_0,
  GOLDEN_STATE_CHUNK_PROOF_2,
  GOLDEN_STATE_KEY_HASHES,
  GOLDEN_STATE_PROOF,
  GOLDEN_STATE_ROOT,
  GOLDEN_TRANSACTION_CHUNK,
  GOLDEN_TRANSACTION_PROOF,
} from './golden-mini-archive.js';

const keys = GOLDEN_STATE_KEY_HASHES.map(toHex);

/** The golden mini archive as files; manifests and metadata as the format has them. */
const FILES: Readonly<Record<string, Uint8Array | object>> = {
  'epoch_ending_0-.0000/0-.chunk': GOLDEN_EPOCH_CHUNK,
  'epoch_ending_0-.0000/epoch_ending.manifest': {
    first_epoch: 0,
    last_epoch: 0,
    waypoints: [GOLDEN_EPOCH_WAYPOINT],
    chunks: [{ first_epoch: 0, last_epoch: 0, ledger_infos: 'epoch_ending_0-.0000/0-.chunk' }],
  },
  'metadata/epoch_ending_0-0.meta': {
    EpochEndingBackup: {
      first_epoch: 0,
      last_epoch: 0,
      first_version: 0,
      last_version: 0,
      manifest: 'epoch_ending_0-.0000/epoch_ending.manifest',
    },
  },
  'transaction_5-.0000/5-.chunk': GOLDEN_TRANSACTION_CHUNK,
  'transaction_5-.0000/5-6.proof': GOLDEN_TRANSACTION_PROOF,
  'transaction_5-.0000/transaction.manifest': {
    first_version: 5,
    last_version: 6,
    chunks: [
      {
        first_version: 5,
        last_version: 6,
        transactions: 'transaction_5-.0000/5-.chunk',
        proof: 'transaction_5-.0000/5-6.proof',
        format: 'V1',
      },
    ],
  },
  'metadata/transaction_5-6.meta': {
    TransactionBackup: {
      first_version: 5,
      last_version: 6,
      manifest: 'transaction_5-.0000/transaction.manifest',
    },
  },
  'state_epoch_1_ver_6.0000/0-.chunk': GOLDEN_STATE_CHUNK_0,
  'state_epoch_1_ver_6.0000/0-1.proof': GOLDEN_STATE_CHUNK_PROOF_0,
  'state_epoch_1_ver_6.0000/2-.chunk': GOLDEN_STATE_CHUNK_2,
  'state_epoch_1_ver_6.0000/2-3.proof': GOLDEN_STATE_CHUNK_PROOF_2,
  'state_epoch_1_ver_6.0000/state.proof': GOLDEN_STATE_PROOF,
  'state_epoch_1_ver_6.0000/state.manifest': {
    version: 6,
    epoch: 1,
    root_hash: toHex(GOLDEN_STATE_ROOT),
    chunks: [0, 2].map((first) => ({
      first_idx: first,
      last_idx: first + 1,
      first_key: keys[first],
      last_key: keys[first + 1],
      blobs: `state_epoch_1_ver_6.0000/${first}-.chunk`,
      proof: `state_epoch_1_ver_6.0000/${first}-${first + 1}.proof`,
    })),
    proof: 'state_epoch_1_ver_6.0000/state.proof',
  },
  'metadata/state_snapshot_ver_6.meta': {
    StateSnapshotBackup: { epoch: 1, version: 6, manifest: 'state_epoch_1_ver_6.0000/state.manifest' },
  },
};

/** Writes the golden mini archive into a folder. */
export function writeGoldenMiniArchive(folder: string): void {
  for (const [handle, content] of Object.entries(FILES)) {
    const file = path.join(folder, handle);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content instanceof Uint8Array ? content : JSON.stringify(content));
  }
}
