import type { LedgerHashers } from '../../types/ledger-family.js';
import type { AptosDatabaseFiles } from '../driver/aptos-database-files.js';

/** Conditions under which a node opens a database and goes on with it; names are stable. */
export type ConditionName =
  /** All 42 instances are there, with all column families, and open. */
  | 'instances'
  /** The cache of recent state is absent, or will be made anew. */
  | 'hot-state'
  /** Every progress marker decodes. */
  | 'markers'
  /** How far the database says that it is. */
  | 'overall-progress'
  /** The ledger's rows reach that far, and not much further. */
  | 'ledger-progress'
  /** The state's values reach that far, and not much further. */
  | 'state-kv-progress'
  /** A tree root stands at or before that version, and only roots stand beside it. */
  | 'tree-root'
  /** The tree's own marker does not cut what the tree needs. */
  | 'tree-progress'
  /** The distance from the tree's version can be replayed. */
  | 'replay-distance'
  /** Transactions, infos, write sets and auxiliary infos are there without a gap. */
  | 'transactions'
  /** The transaction accumulator has every frozen node, and nothing that stands apart. */
  | 'accumulator'
  /** Ledger infos are consistent with each other, with the epochs and with the accumulator. */
  | 'ledger-infos'
  /** Nodes of the tree are in their shards. */
  | 'tree-shards'
  /** Every node of the tree is there and has its hash; the root is the one in the transaction info. */
  | 'tree-nodes'
  /** Every leaf has its value. */
  | 'state-values'
  /** Every write after the tree's version has its value and its index rows. */
  | 'state-writes'
  /** The recorded usage is what the state amounts to. */
  | 'state-usage';

export interface ConditionResult {
  readonly name: ConditionName;
  /** Skipped: it means nothing, or cannot be told, as another condition failed. */
  readonly status: 'passed' | 'failed' | 'skipped';
  /** What was found, as one sentence or a few. */
  readonly detail: string;
}

export interface CheckContext {
  readonly database: AptosDatabaseFiles;
  readonly hashers: LedgerHashers;
  /** The version up to which the database promises everything. */
  readonly syncedVersion: bigint;
  readonly signal: AbortSignal | undefined;
}

export function passed(name: ConditionName, detail: string): ConditionResult {
  return { name, status: 'passed', detail };
}

export function failed(name: ConditionName, detail: string): ConditionResult {
  return { name, status: 'failed', detail };
}

export function skipped(name: ConditionName, detail: string): ConditionResult {
  return { name, status: 'skipped', detail };
}

/** Problems that are listed one by one; more are only counted. */
const LISTED_PROBLEMS_MAX = 5;

/** What speaks against one condition. */
export class Problems {
  readonly #listed: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(problem: string): void {
    this.#count++;
    if (this.#listed.length < LISTED_PROBLEMS_MAX) this.#listed.push(problem);
  }

  /** The result; `detail` is what to say when nothing speaks against it. */
  result(name: ConditionName, detail: string): ConditionResult {
    if (this.#count === 0) return passed(name, detail);
    const more = this.#count - this.#listed.length;
    return failed(name, `${this.#listed.join('; ')}${more > 0 ? `; and ${more} more` : ''}`);
  }
}
