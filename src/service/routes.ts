import type { BackupReader, BackupReadOptions } from '../aptosdb/backup-reader.js';
import { encode } from '../bcs/codec.js';
import { u64 } from '../bcs/primitives.js';
import { type HashValue, hashFromHex, toHex } from '../hashing/hash-value.js';
import { OptionalDbState } from '../types/proofs.js';

const U64_MAX = 2n ** 64n - 1n;

/** What a path segment can be; spec: backup-service.md, section 2. */
type ParameterKind = 'u64' | 'hash';
type ParameterShape = Readonly<Record<string, ParameterKind>>;
/** The values of a route's parameters, by their names. */
export type RouteArguments<Shape extends ParameterShape> = {
  readonly [Name in keyof Shape]: Shape[Name] extends 'hash' ? HashValue : bigint;
};

/** Where the records of a stream stand in the ledger. */
export interface StreamPosition {
  readonly series: 'epoch' | 'version' | 'leaf';
  /** Epoch, version or leaf index of the first record; the others follow it. */
  readonly first: bigint;
  /** Of the snapshot that the leaves belong to. */
  readonly snapshotVersion?: bigint;
}

/** A request whose path was understood. */
export type RouteCall =
  | {
      readonly kind: 'value';
      readonly endpoint: string;
      /** The whole body. */
      answer(reader: BackupReader): Promise<Uint8Array>;
    }
  | {
      readonly kind: 'stream';
      readonly endpoint: string;
      readonly position: StreamPosition;
      records(reader: BackupReader, options: BackupReadOptions): AsyncIterable<Uint8Array>;
    };

interface Route {
  readonly name: string;
  /** The call that these segments behind the name stand for; undefined when they do not fit. */
  parse(segments: readonly string[]): RouteCall | undefined;
}

/** An endpoint with one BCS value as its answer. */
export interface ValueRoute<Shape extends ParameterShape> extends Route {
  path(args: RouteArguments<Shape>): string;
}

/** An endpoint with a stream of length-prefixed records as its answer, which can be gone on with. */
export interface StreamRoute<Shape extends ParameterShape> extends Route {
  request(args: RouteArguments<Shape>): StreamRequest;
}

/** What a client asks for, and how it goes on where an answer broke. */
export interface StreamRequest {
  /** How many records there can be. */
  readonly recordsMax: bigint;
  /** What to ask for once the first `received` records are there, fewer than `recordsMax`. */
  path(received: bigint): string;
}

function parseParameter(kind: ParameterKind, text: string): bigint | HashValue | undefined {
  if (kind === 'hash') return /^[0-9a-fA-F]{64}$/.test(text) ? hashFromHex(text) : undefined;
  if (!/^\+?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return value <= U64_MAX ? value : undefined;
}

function parseArguments<Shape extends ParameterShape>(
  shape: Shape,
  segments: readonly string[],
): RouteArguments<Shape> | undefined {
  const parameters = Object.entries(shape);
  if (parameters.length !== segments.length) return undefined;
  const values: Record<string, bigint | HashValue> = {};
  for (const [index, [name, kind]] of parameters.entries()) {
    const value = parseParameter(kind, segments[index] ?? '');
    if (value === undefined) return undefined;
    values[name] = value;
  }
  return values as RouteArguments<Shape>;
}

function pathOf<Shape extends ParameterShape>(
  name: string,
  shape: Shape,
  args: RouteArguments<Shape>,
): string {
  const segments = Object.keys(shape).map((parameter) => {
    const value: bigint | HashValue | undefined = args[parameter];
    return typeof value === 'bigint' ? `${value}` : toHex(value ?? new Uint8Array());
  });
  return ['', name, ...segments].join('/');
}

function valueRoute<const Shape extends ParameterShape>(
  name: string,
  shape: Shape,
  answer: (reader: BackupReader, args: RouteArguments<Shape>) => Promise<Uint8Array>,
): ValueRoute<Shape> {
  return {
    name,
    path: (args) => pathOf(name, shape, args),
    parse(segments) {
      const args = parseArguments(shape, segments);
      return args && { kind: 'value', endpoint: name, answer: (reader) => answer(reader, args) };
    },
  };
}

interface StreamDefinition<Shape extends ParameterShape> {
  position(args: RouteArguments<Shape>): StreamPosition;
  records(
    reader: BackupReader,
    args: RouteArguments<Shape>,
    options: BackupReadOptions,
  ): AsyncIterable<Uint8Array>;
}

interface ResumableDefinition<Shape extends ParameterShape> extends StreamDefinition<Shape> {
  recordsMax(args: RouteArguments<Shape>): bigint;
  rest(args: RouteArguments<Shape>, received: bigint): RouteArguments<Shape>;
}

function streamRoute<const Shape extends ParameterShape>(
  name: string,
  shape: Shape,
  { position, records }: StreamDefinition<Shape>,
): Route & Pick<ValueRoute<Shape>, 'path'> {
  return {
    name,
    path: (args) => pathOf(name, shape, args),
    parse(segments) {
      const args = parseArguments(shape, segments);
      if (!args) return undefined;
      const open = (reader: BackupReader, options: BackupReadOptions) => records(reader, args, options);
      return { kind: 'stream', endpoint: name, position: position(args), records: open };
    },
  };
}

function resumableRoute<const Shape extends ParameterShape>(
  name: string,
  shape: Shape,
  definition: ResumableDefinition<Shape>,
): StreamRoute<Shape> {
  const { recordsMax, rest } = definition;
  return {
    ...streamRoute(name, shape, definition),
    request: (args) => ({
      recordsMax: recordsMax(args),
      path: (received) => pathOf(name, shape, received === 0n ? args : rest(args, received)),
    }),
  };
}

/**
 * Every endpoint of the backup service, once for server and client (spec: backup-service.md, section 3).
 * Parameters stand in the path in the order in which they are listed here.
 */
export const ROUTES = {
  dbState: valueRoute('db_state', {}, async (reader) => encode(OptionalDbState, await reader.dbState())),
  stateItemCount: valueRoute('state_item_count', { version: 'u64' }, async (reader, { version }) =>
    encode(u64, await reader.stateItemCount(version)),
  ),
  /** The whole state; clients ask for chunks, which can be gone on with. */
  stateSnapshot: streamRoute(
    'state_snapshot',
    { version: 'u64' },
    {
      position: ({ version }) => ({ series: 'leaf', first: 0n, snapshotVersion: version }),
      records: (reader, { version }, options) => reader.stateItems(version, 0n, U64_MAX, options),
    },
  ),
  stateSnapshotChunk: resumableRoute(
    'state_snapshot_chunk',
    { version: 'u64', startIndex: 'u64', limit: 'u64' },
    {
      position: ({ version, startIndex }) => ({
        series: 'leaf',
        first: startIndex,
        snapshotVersion: version,
      }),
      records: (reader, { version, startIndex, limit }, options) =>
        reader.stateItems(version, startIndex, limit, options),
      recordsMax: ({ limit }) => limit,
      rest: ({ version, startIndex, limit }, received) => ({
        version,
        startIndex: startIndex + received,
        limit: limit - received,
      }),
    },
  ),
  stateRangeProof: valueRoute(
    'state_range_proof',
    { version: 'u64', endKey: 'hash' },
    (reader, { version, endKey }) => reader.stateRangeProof(version, endKey),
  ),
  stateRootProof: valueRoute('state_root_proof', { version: 'u64' }, (reader, { version }) =>
    reader.stateRootProof(version),
  ),
  epochEndingLedgerInfos: resumableRoute(
    'epoch_ending_ledger_infos',
    { startEpoch: 'u64', endEpoch: 'u64' },
    {
      position: ({ startEpoch }) => ({ series: 'epoch', first: startEpoch }),
      records: (reader, { startEpoch, endEpoch }, options) =>
        reader.epochEndingLedgerInfos(startEpoch, endEpoch, options),
      recordsMax: ({ startEpoch, endEpoch }) => (endEpoch > startEpoch ? endEpoch - startEpoch : 0n),
      rest: ({ startEpoch, endEpoch }, received) => ({ startEpoch: startEpoch + received, endEpoch }),
    },
  ),
  transactions: resumableRoute(
    'transactions',
    { startVersion: 'u64', count: 'u64' },
    {
      position: ({ startVersion }) => ({ series: 'version', first: startVersion }),
      records: (reader, { startVersion, count }, options) => {
        // A range beyond the last u64 is refused as a whole, like in the reference.
        if (startVersion + count > U64_MAX) throw new RangeError('the range of versions overflows 64 bits');
        return reader.transactions(startVersion, count, options);
      },
      recordsMax: ({ count }) => count,
      rest: ({ startVersion, count }, received) => ({
        startVersion: startVersion + received,
        count: count - received,
      }),
    },
  ),
  transactionRangeProof: valueRoute(
    'transaction_range_proof',
    { firstVersion: 'u64', lastVersion: 'u64' },
    async (reader, { firstVersion, lastVersion }) => {
      if (lastVersion < firstVersion) {
        throw new RangeError(`Bad transaction range: [${firstVersion}, ${lastVersion}]`);
      }
      return reader.transactionRangeProof(firstVersion, lastVersion);
    },
  ),
};

const ROUTES_BY_NAME: ReadonlyMap<string, Route> = new Map(
  Object.values(ROUTES).map((route: Route) => [route.name, route]),
);

/** What the target of a GET means. */
export interface RouteMatch {
  /** For metrics: the endpoint's name, `-` for no segment at all, `other` for a name that is none. */
  readonly endpoint: string;
  /** The call, or the status of the refusal. */
  readonly call: RouteCall | 400 | 404;
}

/**
 * Reads a request target. Nothing is percent-decoded and the query is ignored; a mistake in the
 * parameters of an endpoint never makes it another endpoint (spec: backup-service.md, section 2).
 */
export function matchRoute(target: string): RouteMatch {
  // A target in absolute form begins with scheme and authority.
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '').replace(/\?.*$/s, '');
  const [name = '', ...segments] = path.replace(/^\//, '').split('/');
  if (segments.length > 0 && segments.at(-1) === '') segments.pop();
  const route = ROUTES_BY_NAME.get(name);
  if (!route) return { endpoint: name === '' ? '-' : 'other', call: 404 };
  return { endpoint: name, call: route.parse(segments) ?? 400 };
}
