const MiB = 1024 * 1024;

/**
 * Bytes that files may have after unpacking. They exist so that a damaged or hostile archive cannot
 * exhaust the memory; each is far above what any ledger needs.
 */

/** A million and a half lines: more than a century of hourly backups in one compacted file. */
export const METADATA_BYTES_MAX = 256 * MiB;

/** Half a million state chunks of 128 MiB each: a state of 60 TB. */
export const MANIFEST_BYTES_MAX = 256 * MiB;

/** A proof has at most some hundred siblings and one ledger info, whose validator set is a few hundred kB. */
export const PROOF_BYTES_MAX = 64 * MiB;

/** Four times the default chunk size: a chunk larger than that size holds a single record. */
export const RECORD_BYTES_MAX = 512 * MiB;
