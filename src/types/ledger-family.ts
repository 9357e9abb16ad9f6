import { DomainHasher } from '../hashing/domain-hasher.js';
import { kernelSha3 } from '../hashing/kernel-sha3.js';
import type { Sha3Engine } from '../hashing/sha3-engine.js';

/** Dialects of the types (spec: aptos-types.md, section 9): what `byDialect` is indexed by. */
export const DIALECT_CURRENT = 0;
/** Mid-2023, as forks that were frozen then still write it. */
export const DIALECT_2023 = 1;

/** The networks that share a format: what they hash with, and which revision of the types they write. */
export interface LedgerFamily {
  readonly name: 'aptos' | 'diem';
  readonly hashPrefix: string;
  readonly dialect: number;
}

/** The families that are known, by the names that `--ledger-family` takes: Aptos networks, and forks of mid-2023. */
export const LEDGER_FAMILIES = {
  aptos: { name: 'aptos', hashPrefix: 'APTOS::', dialect: DIALECT_CURRENT },
  diem: { name: 'diem', hashPrefix: 'DIEM::', dialect: DIALECT_2023 },
} as const satisfies Record<string, LedgerFamily>;

/** The hashers of one family, by the domain names of spec formats.md, section 2. */
export interface LedgerHashers {
  readonly family: LedgerFamily;
  readonly stateKey: DomainHasher;
  readonly stateValue: DomainHasher;
  readonly sparseMerkleLeaf: DomainHasher;
  readonly sparseMerkleInternal: DomainHasher;
  readonly transaction: DomainHasher;
  readonly transactionInfo: DomainHasher;
  readonly transactionAccumulator: DomainHasher;
  readonly eventAccumulator: DomainHasher;
  readonly contractEvent: DomainHasher;
  readonly writeSet: DomainHasher;
  readonly auxiliaryInfo: DomainHasher;
  readonly ledgerInfo: DomainHasher;
  readonly waypoint: DomainHasher;
  /** What users sign. */
  readonly rawTransaction: DomainHasher;
}

/** The hashers of a family: they hold its domain separators. */
export function ledgerHashers(family: LedgerFamily, engine: Sha3Engine = kernelSha3): LedgerHashers {
  const domain = (name: string): DomainHasher => new DomainHasher(family.hashPrefix, name, engine);
  return {
    family,
    stateKey: domain('StateKey'),
    stateValue: domain('StateValue'),
    sparseMerkleLeaf: domain('SparseMerkleLeafNode'),
    sparseMerkleInternal: domain('SparseMerkleInternal'),
    transaction: domain('Transaction'),
    transactionInfo: domain('TransactionInfo'),
    transactionAccumulator: domain('TransactionAccumulator'),
    eventAccumulator: domain('EventAccumulator'),
    contractEvent: domain('ContractEvent'),
    writeSet: domain('WriteSet'),
    auxiliaryInfo: domain('PersistedAuxiliaryInfo'),
    ledgerInfo: domain('LedgerInfo'),
    waypoint: domain('Ledger2WaypointConverter'),
    rawTransaction: domain('RawTransaction'),
  };
}
