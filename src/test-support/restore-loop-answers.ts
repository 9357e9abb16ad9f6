import http from 'node:http';
import { encode } from '../bcs/codec.js';
import { toHex } from '../hashing/hash-value.js';
import { type DbState, OptionalDbState } from '../types/proofs.js';
import { ROUTES } from '../service/routes.js';
import type { GeneratedLedger } from '../testing/generated-ledger.js';
import { type RawAnswer, rawRequest } from './recorded-requests.js';
import { seededRandom } from './seeded-random.js';

/** What a database holds of a ledger. */
export interface HeldLedger {
  /** Transactions, inclusive. */
  readonly first: bigint;
  readonly last: bigint;
  /** Versions with a state tree. */
  readonly trees: readonly bigint[];
}

/**
 * What a restored database has to answer: `path` is what the original answers to, `bytes` are given,
 * `refused` is an error (a broken stream included), `same-or-refused` leaves both open, `own` is an answer
 * that the original has none for.
 */
export type Expectation =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused' | 'same-or-refused' | 'own' };

/** A request to the restored database and what must come of it. */
export interface ExpectedAnswer {
  readonly path: string;
  readonly expectation: Expectation;
}

const REQUESTS_AT_A_TIME = 4;
const ABSENT_KEY = new Uint8Array(32).fill(0xab);

/**
 * Requests to every endpoint: around all that begins or ends somewhere, and by chance.
 * @param samples how many versions, ranges and keys are chosen by chance
 */
export function expectedAnswers(
  ledger: GeneratedLedger,
  original: HeldLedger,
  restored: HeldLedger,
  samples: number,
): ExpectedAnswer[] {
  return new AnswersOfLoop(ledger, original, restored, samples).all();
}

class AnswersOfLoop {
  readonly #ledger: GeneratedLedger;
  readonly #original: HeldLedger;
  readonly #restored: HeldLedger;
  readonly #samples: number;
  readonly #random: (limit: number) => number;
  readonly #answers: ExpectedAnswer[] = [];

  constructor(ledger: GeneratedLedger, original: HeldLedger, restored: HeldLedger, samples: number) {
    this.#ledger = ledger;
    this.#original = original;
    this.#restored = restored;
    this.#samples = samples;
    this.#random = seededRandom(Number(restored.last % 1_000_003n));
  }

  all(): ExpectedAnswer[] {
    this.#dbState();
    this.#epochEndings();
    const versions = this.#versions();
    for (const version of versions) this.#provenVersion(version);
    this.#ranges(versions);
    for (const version of versions) this.#state(version);
    return this.#answers;
  }

  #add(path: string, expectation: Expectation = { kind: 'path', path }): void {
    this.#answers.push({ path, expectation });
  }

  #anyVersion(): bigint {
    return BigInt(this.#random(this.#ledger.transactionCount));
  }

  /** Where anything begins or ends, both neighbours of it, and some by chance. */
  #versions(): bigint[] {
    const { first, last, trees } = this.#restored;
    const ends = this.#ledger.epochs.map(({ lastVersion }) => lastVersion);
    const edges = [0n, first, last, ...trees, ...this.#original.trees, ...ends];
    const near = edges.flatMap((version) => [version - 1n, version, version + 1n]);
    const others = Array.from({ length: this.#samples }, () => this.#anyVersion());
    return [...new Set([...near, ...others])].filter((version) => version >= 0n);
  }

  /** The newest ledger info that stands at or before the restored version; the ended epochs up to it. */
  #newest(): { readonly state: DbState | undefined; readonly endings: bigint } {
    const there = this.#ledger.epochs.filter(({ lastVersion }) => lastVersion <= this.#restored.last);
    const newest = there.at(-1);
    return {
      state: newest && { epoch: newest.epoch, committed_version: newest.lastVersion },
      endings: BigInt(there.filter(({ ended }) => ended).length),
    };
  }

  #dbState(): void {
    const bytes = encode(OptionalDbState, this.#newest().state);
    const isWhole = this.#restored.last === this.#original.last;
    this.#add(ROUTES.dbState.path({}), isWhole ? undefined : { kind: 'bytes', bytes });
  }

  #epochEndings(): void {
    const { endings } = this.#newest();
    const epochs = BigInt(this.#ledger.epochs.length);
    const pathOf = (startEpoch: bigint, endEpoch: bigint): string =>
      ROUTES.epochEndingLedgerInfos.request({ startEpoch, endEpoch }).path(0n);
    for (let start = 0n; start <= epochs; start++) {
      for (let end = start; end <= epochs + 1n; end++) {
        const clipped = end < endings ? end : endings;
        this.#add(pathOf(start, end), {
          kind: 'path',
          path: pathOf(start, clipped < start ? start : clipped),
        });
      }
    }
  }

  /** Whether a ledger info that stands at or before the restored version covers this one. */
  #covered(version: bigint): boolean {
    return version <= (this.#newest().state?.committed_version ?? -1n);
  }

  #provenVersion(version: bigint): void {
    const isThere = version >= this.#restored.first && this.#covered(version);
    const beyond = version > this.#original.last;
    const path = ROUTES.stateRootProof.path({ version });
    this.#add(path, isThere || beyond ? undefined : { kind: 'refused' });
    this.#rangeProof(version, version);
  }

  #rangeProof(firstVersion: bigint, lastVersion: bigint): void {
    const path = ROUTES.transactionRangeProof.path({ firstVersion, lastVersion });
    if (!this.#covered(lastVersion)) this.#add(path, { kind: 'refused' });
    else if (firstVersion >= this.#restored.first) this.#add(path);
    else this.#add(path, { kind: 'same-or-refused' });
  }

  #ranges(versions: readonly bigint[]): void {
    const { first, last } = this.#restored;
    const count = last - first + 1n;
    this.#transactions(first, count);
    this.#transactions(first, count + 10n);
    this.#transactions(last, 1n);
    if (first > 0n) this.#transactions(first - 1n, 3n);
    for (let turn = 0; turn < this.#samples; turn++) {
      const pick = (): bigint => versions[this.#random(versions.length)] ?? 0n;
      const [one, other] = [pick(), pick()];
      const [low, high] = one < other ? [one, other] : [other, one];
      this.#rangeProof(low, high);
      this.#transactions(low, BigInt(this.#random(20)));
    }
  }

  #transactions(startVersion: bigint, count: bigint): void {
    const { first, last } = this.#restored;
    const pathOf = (records: bigint): string =>
      ROUTES.transactions.request({ startVersion, count: records }).path(0n);
    const path = pathOf(count);
    const there = last < startVersion ? 0n : last - startVersion + 1n;
    if (count > 0n && startVersion < first) this.#add(path, { kind: 'refused' });
    else this.#add(path, { kind: 'path', path: pathOf(count < there ? count : there) });
  }

  #state(version: bigint): void {
    const [here, there] = [this.#restored, this.#original].map(({ trees }) => trees.includes(version));
    const expectation = here ? (there ? undefined : { kind: 'own' as const }) : { kind: 'refused' as const };
    const add = (path: string): void => this.#add(path, expectation);
    add(ROUTES.stateItemCount.path({ version }));
    const chunk = (startIndex: bigint, limit: bigint): string =>
      ROUTES.stateSnapshotChunk.request({ version, startIndex, limit }).path(0n);
    add(chunk(0n, 1n));
    if (!here && !there) return;
    add(ROUTES.stateSnapshot.path({ version }));
    const snapshot = this.#ledger.epochs.find(({ lastVersion }) => lastVersion === version)?.snapshot;
    if (!snapshot) return;
    const items = snapshot.itemCount;
    const chosen = Array.from({ length: this.#samples }, () => this.#random(items));
    for (const index of [0, 1, items - 2, items - 1, ...chosen]) {
      add(chunk(BigInt(index), BigInt(1 + this.#random(9))));
      add(ROUTES.stateRangeProof.path({ version, endKey: snapshot.keyHash(index) }));
    }
    add(chunk(0n, 0n));
    const outside = here ? undefined : ({ kind: 'refused' } as const);
    this.#add(chunk(BigInt(items), 5n), outside);
    this.#add(ROUTES.stateRangeProof.path({ version, endKey: ABSENT_KEY }), outside);
  }
}

/** Asks both services, and says what is not as expected. */
export async function answerDifferences(
  original: { readonly port: number },
  restored: { readonly port: number },
  expected: readonly ExpectedAnswer[],
): Promise<string[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 * REQUESTS_AT_A_TIME });
  const differences: string[] = [];
  const queue = expected.values();
  const work = async (): Promise<void> => {
    for (const { path, expectation } of queue) {
      const answer = await rawRequest(restored, path, { agent });
      const difference = await differenceFrom(expectation, path, answer, (other) =>
        rawRequest(original, other, { agent }),
      );
      if (difference !== undefined) differences.push(`${path}: ${difference}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: REQUESTS_AT_A_TIME }, work));
  } finally {
    agent.destroy();
  }
  return differences;
}

async function differenceFrom(
  expectation: Expectation,
  path: string,
  answer: RawAnswer,
  askOriginal: (path: string) => Promise<RawAnswer>,
): Promise<string | undefined> {
  switch (expectation.kind) {
    case 'refused':
      return isRefusal(answer) ? undefined : `answered, ${inWords(answer)}`;
    case 'own':
      return isRefusal(answer) ? inWords(answer) : undefined;
    case 'bytes':
      return sameBody(answer, expectation.bytes);
    case 'same-or-refused':
      return isRefusal(answer) ? undefined : unequal(answer, await askOriginal(path));
    case 'path':
      return unequal(answer, await askOriginal(expectation.path));
  }
}

function isRefusal({ status, broken }: RawAnswer): boolean {
  return broken || status === 500;
}

function unequal(answer: RawAnswer, wanted: RawAnswer): string | undefined {
  if (answer.status !== wanted.status || answer.broken !== wanted.broken) {
    return `${inWords(answer)}, not ${inWords(wanted)}`;
  }
  for (const name of ['content-type', 'content-length', 'transfer-encoding']) {
    const [given, expected] = [answer.headers[name], wanted.headers[name]];
    if (given !== expected) return `${name} ${given}, not ${expected}`;
  }
  return sameBody(answer, wanted.body);
}

function sameBody({ body }: RawAnswer, wanted: Uint8Array): string | undefined {
  if (Buffer.compare(body, wanted) === 0) return undefined;
  if (wanted.length > 200) return `${body.length} bytes that differ from ${wanted.length}`;
  return `${toHex(body)}, not ${toHex(wanted)}`;
}

function inWords({ status, broken, body }: RawAnswer): string {
  return `status ${status}${broken ? ', broken' : ''}, ${body.length} bytes`;
}
