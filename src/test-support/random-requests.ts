import assert from 'node:assert/strict';
import http from 'node:http';
import { rawRequest } from './recorded-requests.js';
import { seededRandom } from './seeded-random.js';

export interface RandomRequestOptions {
  readonly seed: number;
  readonly count: number;
  /** Versions that are worth asking for, present or not. */
  readonly versions: readonly bigint[];
  /** Key hashes as hex, present or not. */
  readonly hashes: readonly string[];
}

/** Parameters of each endpoint (spec: backup-service.md, section 3). */
const SHAPES: Readonly<Record<string, readonly ('u64' | 'hash')[]>> = {
  db_state: [],
  state_item_count: ['u64'],
  state_snapshot: ['u64'],
  state_snapshot_chunk: ['u64', 'u64', 'u64'],
  state_range_proof: ['u64', 'hash'],
  state_root_proof: ['u64'],
  epoch_ending_ledger_infos: ['u64', 'u64'],
  transactions: ['u64', 'u64'],
  transaction_range_proof: ['u64', 'u64'],
};
const STREAMS = ['state_snapshot', 'state_snapshot_chunk', 'epoch_ending_ledger_infos', 'transactions'];
const ENDPOINTS = [...Object.keys(SHAPES), ...Object.keys(SHAPES), 'foo', '', 'metric', '.'];
const METHODS = ['GET', 'GET', 'GET', 'GET', 'POST', 'DELETE', 'HEAD', 'PROPFIND', 'OPTIONS'];
const EXTREMES = ['0', '+7', '007', '99999', '18446744073709551615'];
const NO_NUMBERS = ['', '-1', 'x', '1.5', '0x1', '18446744073709551616', '%31', '..', '🦀', '1e3'];

interface RandomRequest {
  readonly method: string;
  readonly target: string;
  /** `answered`: 200 or 500. `streamed`: 200 or a broken connection. */
  readonly expected: 400 | 404 | 405 | 'answered' | 'streamed';
}

function makeRequest(random: (limit: number) => number, options: RandomRequestOptions): RandomRequest {
  const pick = <T>(values: readonly T[]): T => values[random(values.length)] as T;
  const endpoint = pick(ENDPOINTS);
  const shape = SHAPES[endpoint];
  const wanted = shape?.length ?? random(3);
  const count = random(6) === 0 ? Math.max(0, wanted + random(3) - 1) : wanted;
  let fits = count === shape?.length;
  const segments = Array.from({ length: count }, (_, index) => {
    if (random(8) === 0) {
      fits = false;
      return encodeURI(pick(NO_NUMBERS));
    }
    if (shape?.[index] === 'hash') return pick(options.hashes);
    return pick([...EXTREMES, ...options.versions.map(String)]);
  });
  // One empty segment at the end is a trailing slash, which is put up with.
  if (segments.at(-1) === '' && shape) {
    segments.pop();
    fits =
      segments.length === shape.length &&
      !segments.some((segment) => !/^(\+?\d+|[0-9a-fA-F]{64})$/.test(segment));
    segments.push('');
  }
  const target = `/${[endpoint, ...segments].join('/')}${pick(['', '', '?a=b'])}`;
  const method = pick(METHODS);
  if (method !== 'GET') return { method, target, expected: 405 };
  if (!shape) return { method, target, expected: 404 };
  if (!fits) return { method, target, expected: 400 };
  return { method, target, expected: STREAMS.includes(endpoint) ? 'streamed' : 'answered' };
}

/** Sends valid and invalid requests and holds each answer against the documented statuses. */
export async function sendRandomRequests(
  server: { readonly port: number },
  options: RandomRequestOptions,
): Promise<void> {
  const random = seededRandom(options.seed);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  try {
    for (let turn = 0; turn < options.count; turn++) {
      const { method, target, expected } = makeRequest(random, options);
      const body = method === 'POST' ? { body: '{' } : {};
      const answer = await rawRequest(server, target, { method, agent, ...body });
      const { status, broken } = answer;
      const seen = `${method} ${target} gives ${status}${broken ? ', broken' : ''}, turn ${turn}`;
      if (expected === 'streamed') assert.ok(status === 200 || broken, seen);
      else if (expected === 'answered') assert.ok(!broken && (status === 200 || status === 500), seen);
      else assert.equal(broken ? undefined : status, expected, seen);
      if (status !== undefined && [400, 404, 500].includes(status)) {
        assert.equal(answer.headers['content-length'], '0', seen);
      }
    }
  } finally {
    agent.destroy();
  }
}
