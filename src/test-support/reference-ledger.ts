import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { decode } from '../bcs/codec.js';
import { LedgerInfoWithSignatures } from '../types/ledger-info.js';
import { TransactionChunkProof } from '../types/proofs.js';
import { fixturePath } from './fixtures.js';
import { recordsOf } from './record-frames.js';

const ARCHIVE = ['reference-ledger', 'archive'] as const;

/** A whole ledger that the reference made, as its archive holds it. */
export interface ReferenceLedger {
  /** Of format V1, by version. */
  readonly records: readonly Uint8Array[];
  /** By the version that each is of. */
  readonly ledgerInfos: ReadonlyMap<bigint, LedgerInfoWithSignatures>;
}

/** Files of the archive's folders with this prefix, in the order of the first number in their names. */
function filesOf(folderPrefix: string, pattern: RegExp): Uint8Array[] {
  const root = fixturePath(...ARCHIVE);
  const folders = readdirSync(root).filter((name) => name.startsWith(folderPrefix));
  const files = folders.flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .filter((name) => pattern.test(name))
      .map((name) => ({ first: Number.parseInt(name, 10), file: path.join(root, folder, name) })),
  );
  files.sort((left, right) => left.first - right.first);
  return files.map(({ file }) => new Uint8Array(readFileSync(file)));
}

/** Every transaction of `reference-ledger/archive`, and every ledger info that it holds. */
export function readReferenceLedger(): ReferenceLedger {
  const endings = filesOf('epoch_ending_', /\.chunk$/).flatMap(recordsOf);
  const proofs = filesOf('transaction_', /\.proof$/).map((file) => decode(TransactionChunkProof, file)[1]);
  const infos = [...endings.map((bytes) => decode(LedgerInfoWithSignatures, bytes)), ...proofs];
  return {
    records: filesOf('transaction_', /\.chunk$/).flatMap(recordsOf),
    ledgerInfos: new Map(infos.map((info) => [info.value.ledger_info.commit_info.version, info])),
  };
}
