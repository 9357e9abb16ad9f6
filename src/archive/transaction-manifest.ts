import type { FileHandle } from '../storage/backup-storage.js';
import { type JsonExtras, type JsonReader, readJson } from './json-reader.js';
import { type JsonField, jsonList, jsonStruct, jsonText } from './json-writer.js';
import { checkChunkRanges, type ManifestProblem } from './manifest-check.js';

/** Some consecutive transactions (spec: backup-format.md, section 4). */
export interface TransactionManifest {
  readonly firstVersion: bigint;
  /** Inclusive. */
  readonly lastVersion: bigint;
  readonly chunks: readonly TransactionChunk[];
  readonly extras?: JsonExtras;
}

/** What a transaction record holds: V1 has the persisted auxiliary info, V0 has not. */
export type TransactionChunkFormat = 'V0' | 'V1';

export interface TransactionChunk {
  readonly firstVersion: bigint;
  readonly lastVersion: bigint;
  /** The record file: one record a version. */
  readonly transactions: FileHandle;
  /** The accumulator range proof of the chunk, and the ledger info with signatures. */
  readonly proof: FileHandle;
  readonly format: TransactionChunkFormat;
  /** True where no format was written, as older writers did: then it is V0. */
  readonly formatOmitted?: boolean;
  readonly extras?: JsonExtras;
}

/**
 * Reads `transaction.manifest`; what it says is not judged beyond its types.
 * @throws JsonError
 */
export function parseTransactionManifest(bytes: Uint8Array): TransactionManifest {
  return readJson(bytes, (reader) => {
    const { fields, extras } = reader.struct({
      first_version: (field) => field.u64(),
      last_version: (field) => field.u64(),
      chunks: (field) => field.list(readChunk),
    });
    return {
      firstVersion: fields.first_version,
      lastVersion: fields.last_version,
      chunks: fields.chunks,
      ...(extras && { extras }),
    };
  });
}

function readChunk(reader: JsonReader): TransactionChunk {
  const { fields, extras } = reader.struct(
    {
      first_version: (field) => field.u64(),
      last_version: (field) => field.u64(),
      transactions: (field) => field.text(),
      proof: (field) => field.text(),
      format: readFormat,
    },
    { format: undefined },
  );
  const { transactions, proof, format } = fields;
  return {
    firstVersion: fields.first_version,
    lastVersion: fields.last_version,
    transactions,
    proof,
    format: format ?? 'V0',
    ...(format === undefined && { formatOmitted: true }),
    ...(extras && { extras }),
  };
}

function readFormat(reader: JsonReader): TransactionChunkFormat | undefined {
  const text = reader.text();
  if (text === 'V0' || text === 'V1') return text;
  return reader.fail('JSON_SHAPE', `unknown format ${JSON.stringify(text.slice(0, 80))}`);
}

/** The manifest as the reference writes it, without a line feed at its end. */
export function serializeTransactionManifest(manifest: TransactionManifest): string {
  const chunk = (each: TransactionChunk): string => {
    const format: JsonField[] = each.formatOmitted === true ? [] : [['format', jsonText(each.format)]];
    return jsonStruct(
      [
        ['first_version', `${each.firstVersion}`],
        ['last_version', `${each.lastVersion}`],
        ['transactions', jsonText(each.transactions)],
        ['proof', jsonText(each.proof)],
        ...format,
      ],
      each.extras,
    );
  };
  return jsonStruct(
    [
      ['first_version', `${manifest.firstVersion}`],
      ['last_version', `${manifest.lastVersion}`],
      ['chunks', jsonList(manifest.chunks, chunk)],
    ],
    manifest.extras,
  );
}

/** Everything that the manifest says against itself (spec: backup-format.md, section 4.1). */
export function checkTransactionManifest(manifest: TransactionManifest): ManifestProblem[] {
  return checkChunkRanges(
    { unit: 'version', first: manifest.firstVersion, last: manifest.lastVersion },
    manifest.chunks.map((chunk) => ({ first: chunk.firstVersion, last: chunk.lastVersion })),
  );
}
