import type { FileHandle } from '../storage/backup-storage.js';
import { type JsonExtras, type JsonReader, readJson } from './json-reader.js';
import { jsonList, jsonStruct, jsonText } from './json-writer.js';
import { checkChunkRanges, type ManifestProblem } from './manifest-check.js';

/** The ends of some consecutive epochs (spec: backup-format.md, section 4). */
export interface EpochEndingManifest {
  readonly firstEpoch: bigint;
  /** Inclusive. */
  readonly lastEpoch: bigint;
  /** One `version:hash` text an epoch. */
  readonly waypoints: readonly string[];
  readonly chunks: readonly EpochEndingChunk[];
  readonly extras?: JsonExtras;
}

export interface EpochEndingChunk {
  readonly firstEpoch: bigint;
  readonly lastEpoch: bigint;
  /** The record file: one ledger info with signatures an epoch. */
  readonly ledgerInfos: FileHandle;
  readonly extras?: JsonExtras;
}

/**
 * Reads `epoch_ending.manifest`; what it says is not judged beyond its types.
 * @throws JsonError
 */
export function parseEpochEndingManifest(bytes: Uint8Array): EpochEndingManifest {
  return readJson(bytes, (reader) => {
    const { fields, extras } = reader.struct({
      first_epoch: (field) => field.u64(),
      last_epoch: (field) => field.u64(),
      waypoints: (field) => field.list(readWaypoint),
      chunks: (field) => field.list(readChunk),
    });
    return {
      firstEpoch: fields.first_epoch,
      lastEpoch: fields.last_epoch,
      waypoints: fields.waypoints,
      chunks: fields.chunks,
      ...(extras && { extras }),
    };
  });
}

function readWaypoint(reader: JsonReader): string {
  const text = reader.text();
  const [version = ''] = text.split(':', 1);
  if (!/^[0-9]{1,20}:[0-9a-fA-F]{64}$/.test(text) || BigInt(version) >= 2n ** 64n) {
    reader.fail('JSON_SHAPE', 'expected a waypoint version:hash');
  }
  return text;
}

function readChunk(reader: JsonReader): EpochEndingChunk {
  const { fields, extras } = reader.struct({
    first_epoch: (field) => field.u64(),
    last_epoch: (field) => field.u64(),
    ledger_infos: (field) => field.text(),
  });
  return {
    firstEpoch: fields.first_epoch,
    lastEpoch: fields.last_epoch,
    ledgerInfos: fields.ledger_infos,
    ...(extras && { extras }),
  };
}

/** The manifest as the reference writes it, without a line feed at its end. */
export function serializeEpochEndingManifest(manifest: EpochEndingManifest): string {
  const chunk = (each: EpochEndingChunk): string =>
    jsonStruct(
      [
        ['first_epoch', `${each.firstEpoch}`],
        ['last_epoch', `${each.lastEpoch}`],
        ['ledger_infos', jsonText(each.ledgerInfos)],
      ],
      each.extras,
    );
  return jsonStruct(
    [
      ['first_epoch', `${manifest.firstEpoch}`],
      ['last_epoch', `${manifest.lastEpoch}`],
      ['waypoints', jsonList(manifest.waypoints, jsonText)],
      ['chunks', jsonList(manifest.chunks, chunk)],
    ],
    manifest.extras,
  );
}

/** Everything that the manifest says against itself (spec: backup-format.md, section 4.1). */
export function checkEpochEndingManifest(manifest: EpochEndingManifest): ManifestProblem[] {
  const { firstEpoch, lastEpoch, waypoints } = manifest;
  const problems = checkChunkRanges(
    { unit: 'epoch', first: firstEpoch, last: lastEpoch },
    manifest.chunks.map((chunk) => ({ first: chunk.firstEpoch, last: chunk.lastEpoch })),
  );
  const epochs = lastEpoch - firstEpoch + 1n;
  if (firstEpoch <= lastEpoch && BigInt(waypoints.length) !== epochs) {
    problems.push({
      rule: 'WAYPOINT_COUNT',
      message: `${waypoints.length} waypoints for the epochs ${firstEpoch} to ${lastEpoch}`,
      path: 'waypoints',
      expected: epochs,
      actual: BigInt(waypoints.length),
    });
  }
  return problems;
}
