// The public subpath `holdfast/testing`: ledgers and archives for tests, benches and demos.
export type { ArchiveFile, ArchiveFileKind } from './archive-files.js';
export {
  type ReferenceArchiveOptions,
  type WrittenArchive,
  writeReferenceArchive,
} from './archive-writer.js';
export {
  type Alteration,
  countRecords,
  deleteFile,
  dropRecord,
  duplicateRecord,
  exchangeProofs,
  flipBit,
  swapFiles,
  truncateFile,
} from './damage.js';
export type { GeneratedEpoch, GeneratedLedger, TransactionParts } from './generated-ledger.js';
export { generateLedger, type LedgerOptions, type LedgerProfile } from './ledger-generator.js';
export { Deck, type Seed, SeededRandom } from './seeded-random.js';
export type { StateSnapshot } from './state-snapshot.js';
