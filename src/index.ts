// The library: what programs that read ledgers and archives need. `holdfast/testing` has the generator.
export { HoldfastError } from './errors/holdfast-error.js';
export { BcsError, type BcsErrorCode } from './bcs/bcs-error.js';
export { check, type Codec, decode, encode, type Infer } from './bcs/codec.js';
export { equalBytes, hashFromHex, type HashValue, toHex } from './hashing/hash-value.js';
export {
  LEDGER_FAMILIES,
  type LedgerFamily,
  type LedgerHashers,
  ledgerHashers,
} from './types/ledger-family.js';
export {
  hashAuxiliaryInfo,
  hashEvent,
  hashLedgerInfo,
  hashStateKey,
  hashStateValue,
  hashTransaction,
  hashTransactionInfo,
  hashWriteSet,
} from './types/hashes.js';
export { EpochState, LedgerInfo, LedgerInfoWithSignatures } from './types/ledger-info.js';
export {
  SparseMerkleRangeProof,
  StateSnapshotProof,
  TransactionChunkProof,
} from './types/proofs.js';
export { StateRecord } from './types/state-record.js';
export { StateKey } from './types/state-key.js';
export { StateValue } from './types/state-value.js';
export { Transaction } from './types/transaction.js';
export { TransactionInfo } from './types/transaction-info.js';
export {
  type TransactionRecord,
  type TransactionRecordFormat,
  transactionRecord,
} from './types/transaction-record.js';
export { WriteSet } from './types/write-set.js';
export { ContractEvent } from './types/contract-event.js';
export { formatWaypoint, parseWaypoint, Waypoint, WaypointError, waypointOf } from './types/waypoint.js';
export { Accumulator } from './merkle/accumulator.js';
export { verifyAccumulatorProof, verifyAccumulatorRangeProof } from './merkle/accumulator-proof.js';
export { MerkleError, type MerkleErrorCode } from './merkle/merkle-error.js';
export { verifySparseMerkleProof } from './merkle/sparse-merkle-proof.js';
export { SparseMerkleTree } from './merkle/sparse-merkle-tree.js';
export { sparseMerkleHashers } from './merkle/sparse-merkle-hashers.js';
export { StateTreeFrontier } from './merkle/state-tree-frontier.js';
export { StateTreeSegment } from './merkle/state-tree-segment.js';
export { EpochHistory, type Vouched } from './trust/epoch-history.js';
export { TrustedWaypoints } from './trust/trusted-waypoints.js';
export { TrustError, type TrustErrorCode } from './trust/trust-error.js';
export { type GenesisLedger, genesisLedger } from './ledger/genesis.js';
export type { BackupStorage, FileHandle } from './storage/backup-storage.js';
export { CommandAdapterStorage } from './storage/command-adapter.js';
export { loadCommandAdapterConfig } from './storage/command-adapter-config.js';
export { LocalFsStorage } from './storage/local-fs.js';
export { StorageError, type StorageErrorCode } from './storage/storage-error.js';
export { ArchiveError, type ArchiveErrorCode } from './archive/archive-error.js';
export { type LoadedMetadata, loadMetadata } from './archive/load-metadata.js';
export {
  loadEpochEndingManifest,
  loadStateSnapshotManifest,
  loadTransactionManifest,
} from './archive/load-manifest.js';
export { backupStorageState, buildMetadataView, type MetadataView } from './archive/metadata-view.js';
export { type BatchBuffers, type RecordBatch, readRecordBatches } from './archive/record-file.js';
export { openProvingPool, type ProvingPoolOptions } from './proving/open-proving-pool.js';
export { ProvingError, type ProvingErrorCode } from './proving/proving-error.js';
export type { ProvenStateBatch, ProvenTransactionBatch, ProvingPool } from './proving/proving-pool.js';
export type { ProgressEvent, ProgressListener } from './telemetry/progress.js';
export { FINDING_TEXTS, type Finding, type FindingCode } from './verify/finding.js';
export type { ProvenRange, ProvenSnapshot, VerifyReport } from './verify/report.js';
export { type VerifyOptions, verifyArchive } from './verify/verify-archive.js';
export { VerifyMetrics } from './verify/verify-metrics.js';
export { type BackupToCommit, commitBackup } from './archive/commit-backup.js';
export type { FileAttestation } from './archive/attestation.js';
export { CommandAdapterWriterStorage } from './storage/command-adapter-writer.js';
export { LocalFsWriterStorage } from './storage/local-fs-writer.js';
export type {
  BackupFileWriter,
  StorageCapabilities,
  WritableBackupStorage,
  WrittenFile,
} from './storage/writable-backup-storage.js';
export { DurableFsError, type DurableFsErrorCode } from './durable-fs/durable-fs-error.js';
export { adoptArchive, type AdoptOptions, type AdoptReport } from './maintenance/adopt.js';
export { type CleanupOptions, type CleanupReport, cleanUp } from './maintenance/cleanup.js';
export type { BackupReader } from './aptosdb/backup-reader.js';
export {
  checkDatabase,
  type CheckDatabaseOptions,
  type DatabaseReport,
} from './aptosdb/check/check-database.js';
export { CommitError, type CommitErrorCode } from './aptosdb/commit/commit-error.js';
export { LedgerWriter } from './aptosdb/commit/ledger-writer.js';
export { AptosDatabaseFiles } from './aptosdb/driver/aptos-database-files.js';
export { DatabaseError, type DatabaseErrorCode } from './aptosdb/driver/database-error.js';
export { AptosDbBackupReader } from './aptosdb/read/aptosdb-backup-reader.js';
export { BackupServer } from './service/backup-server.js';
export { BackupServiceClient, type BackupServiceClientOptions } from './service/backup-service-client.js';
export { ServiceError, type ServiceErrorCode } from './service/service-error.js';
export { VerifiedLedgerSource } from './service/verified-ledger-source.js';
export { type OpenBackupOptions, openBackup } from './backup/open-backup.js';
export type { BackupContext, BackupWarningListener } from './backup/backup-context.js';
export type { BackupReport } from './backup/backup-report.js';
export { BackupError, type BackupErrorCode } from './backup/backup-error.js';
export { BackupMetrics } from './backup/backup-metrics.js';
export { backUpEpochEndings, type EpochEndingRange } from './backup/back-up-epoch-endings.js';
export { backUpStateSnapshot } from './backup/back-up-state-snapshot.js';
export { backUpTransactions, type TransactionRange } from './backup/back-up-transactions.js';
export {
  ContinuousBackup,
  type ContinuousBackupOptions,
  type ContinuousEvent,
} from './backup/continuous-backup.js';
export { type PrepareOptions, type PreparedRestore, prepareRestore } from './restore/prepare-restore.js';
export { argumentsOf, type PlanOptions, planRestore } from './restore/plan-restore.js';
export type { RestoreArguments } from './restore/restore-identity.js';
export {
  type PlanRemark,
  type RemarkCode,
  type RestorePlan,
  type RestoreRequest,
  refusals,
} from './restore/plan.js';
export type { TargetState } from './restore/target.js';
export {
  bootstrapDatabase,
  type BootstrapOptions,
  type BootstrapTarget,
  proveRestore,
} from './restore/bootstrap-db.js';
export { publishRestored } from './restore/publish-restored.js';
export { RestoreMetrics } from './restore/restore-metrics.js';
export type { RestoreReport } from './restore/restore-report.js';
export {
  type OneoffOptions,
  type OneoffReport,
  restoreEpochEnding,
  restoreSnapshot,
  restoreTransactionBackup,
} from './restore/oneoff.js';
export { RestoreError, type RestoreErrorCode } from './restore/restore-error.js';
export { RestoreFindingError } from './restore/restore-finding.js';
export {
  SnapshotRestoreError,
  type SnapshotRestoreErrorCode,
} from './aptosdb/restore/snapshot-restore-error.js';
export type { ReplayVerifyOptions } from './replay/replay-options.js';
export { replayVerify } from './replay/replay-verify.js';
export type { ReplayMismatch, ReplayReport } from './replay/replay-report.js';
export {
  dealReplayJobs,
  planReplayRanges,
  type ReplayJobsOptions,
  type ReplayRange,
  type VersionSpan,
} from './replay/replay-jobs.js';
export { ReplayError, type ReplayErrorCode } from './replay/replay-error.js';
