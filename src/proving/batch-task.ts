import type { StateTreeSegmentData } from '../merkle/state-tree-segment.js';
import type { Subtree } from '../merkle/subtree-run.js';
import { HASH_SIZE } from '../hashing/hash-value.js';
import { BcsError, type BcsErrorCode } from '../bcs/bcs-error.js';
import type { RecordFault } from '../records/record-fault.js';
import type { TransactionRecordFormat } from '../types/transaction-record.js';
import type { KeyDisorder } from './proving-pool.js';

// What threads say to each other about a batch. Errors and trees are taken apart, since what is posted loses
// its class, and many small arrays are slow to post.

/** What is to be done with the records in a slot. */
export type BatchWork =
  | { readonly kind: 'state' }
  | { readonly kind: 'transactions'; readonly format: TransactionRecordFormat };

export interface BatchTask {
  readonly work: BatchWork;
  /** Where the records' places are, and the hashes go. */
  readonly slot: number;
  /** Bytes of the batch in the slot, or the batch itself if it does not fit there. */
  readonly bytes: number | Uint8Array;
  readonly count: number;
  readonly firstRecord: number;
}

/** Faults are those of `RecordFault`, segments of `StateTreeSegmentData`; hashes are in the slot. */
export type BatchResult = StateResult | TransactionResult;

export interface StateResult {
  readonly kind: 'state';
  readonly faults: readonly RecordFault[];
  readonly segment: StateTreeSegmentData | undefined;
  readonly disorder: KeyDisorder | undefined;
}

export interface TransactionResult {
  readonly kind: 'transactions';
  readonly format: TransactionRecordFormat;
  readonly faults: readonly RecordFault[];
  readonly complete: boolean;
  /** Info hashes in the slot. */
  readonly hashCount: number;
}

interface PostedRefusal {
  readonly code: BcsErrorCode;
  readonly reason: string;
  readonly offset: number;
  readonly path: string;
}

type PostedFault = Omit<RecordFault, 'error'> & { readonly refusal?: PostedRefusal };

interface PostedSegment extends Pick<StateTreeSegmentData, 'leafCount' | 'ends'> {
  /** 32 bytes a subtree. */
  readonly keys: Uint8Array;
  readonly hashes: Uint8Array;
  readonly branches: Uint16Array;
  readonly gaps: Int16Array;
}

export type PostedResult =
  | (Omit<StateResult, 'faults' | 'segment'> & {
      readonly faults: readonly PostedFault[];
      readonly segment: PostedSegment | undefined;
    })
  | (Omit<TransactionResult, 'faults'> & { readonly faults: readonly PostedFault[] });

export function toPosted(result: BatchResult): PostedResult {
  const faults = result.faults.map(toPostedFault);
  if (result.kind === 'transactions') return { ...result, faults };
  return { ...result, faults, segment: result.segment && toPostedSegment(result.segment) };
}

export function fromPosted(posted: PostedResult): BatchResult {
  const faults = posted.faults.map(fromPostedFault);
  if (posted.kind === 'transactions') return { ...posted, faults };
  return { ...posted, faults, segment: posted.segment && fromPostedSegment(posted.segment) };
}

function toPostedFault({ error, ...fault }: RecordFault): PostedFault {
  if (!error) return fault;
  const { code, offset, path } = error;
  const suffix = ` at byte ${offset}${path === '' ? '' : ` (${path})`}`;
  const reason = error.message.slice(0, -suffix.length);
  return { ...fault, refusal: { code, reason, offset, path } };
}

function fromPostedFault({ refusal, ...fault }: PostedFault): RecordFault {
  if (!refusal) return fault;
  const { code, reason, offset, path } = refusal;
  const error = new BcsError(code, reason, offset);
  return { ...fault, error: path === '' ? error : error.within(path.startsWith('[') ? path : `.${path}`) };
}

function toPostedSegment({ leafCount, ends, run }: StateTreeSegmentData): PostedSegment {
  const { subtrees, gaps } = run;
  const keys = new Uint8Array(subtrees.length * HASH_SIZE);
  const hashes = new Uint8Array(subtrees.length * HASH_SIZE);
  subtrees.forEach(({ key, hash }, index) => {
    keys.set(key, index * HASH_SIZE);
    hashes.set(hash, index * HASH_SIZE);
  });
  const branches = Uint16Array.from(subtrees, ({ branch }) => branch);
  return { leafCount, ends, keys, hashes, branches, gaps: Int16Array.from(gaps) };
}

function fromPostedSegment(posted: PostedSegment): StateTreeSegmentData {
  const { leafCount, ends, keys, hashes, branches, gaps } = posted;
  const subtrees = Array.from(branches, (branch, index): Subtree => {
    const [from, to] = [index * HASH_SIZE, (index + 1) * HASH_SIZE];
    return { key: keys.subarray(from, to), branch, hash: hashes.subarray(from, to) };
  });
  return { leafCount, ends, run: { subtrees, gaps: Array.from(gaps) } };
}
