import { HoldfastError } from '../errors/holdfast-error.js';

/** What goes wrong between a backup service and its client. */
export type ServiceErrorCode =
  /** The address to listen on is taken, not ours, or wrong. */
  | 'SERVICE_ADDRESS_UNAVAILABLE'
  /** The service cannot be reached, or the connection broke before or within an answer; retryable. */
  | 'SERVICE_CONNECTION_LOST'
  /** The certificate of the service is not one that is vouched for. */
  | 'SERVICE_CERTIFICATE_REFUSED'
  /** No response headers within the time limit; retryable. */
  | 'SERVICE_SILENT'
  /** The body stopped arriving for longer than the time limit; retryable. */
  | 'SERVICE_STALLED'
  /** The service is overloaded or going down (status 408, 429, 502, 503, 504); retryable. */
  | 'SERVICE_BUSY'
  /** The service wants another bearer token (401, 403). */
  | 'SERVICE_UNAUTHORIZED'
  /** The service does not know the endpoint (404): an older node, or no backup service at all. */
  | 'SERVICE_ENDPOINT_UNKNOWN'
  /** The service cannot answer (500 and other statuses): most often what was asked for is pruned. */
  | 'SERVICE_REFUSED'
  /** The end of the answer cannot be told from a broken connection: neither chunked nor with a length. */
  | 'SERVICE_BODY_UNBOUNDED'
  /** An answer, or a record, is larger than anything of its kind. */
  | 'SERVICE_BODY_TOO_LARGE'
  /** An answer is not the BCS of what was asked for. */
  | 'SERVICE_BODY_INVALID'
  /** A complete answer ends inside of a record. */
  | 'SERVICE_RECORD_TRUNCATED'
  /** Fewer records than there must be, in an answer that ended in good order. */
  | 'SERVICE_RECORDS_MISSING'
  /** More records than were asked for. */
  | 'SERVICE_RECORDS_EXTRA'
  /** A record is not the BCS of what was asked for. */
  | 'SERVICE_RECORD_INVALID'
  /** A record is of another epoch than its place says. */
  | 'SERVICE_RECORD_MISPLACED'
  /** A part of a transaction does not hash to what its own transaction info says. */
  | 'SERVICE_RECORD_HASH_MISMATCH'
  /** State items are not in strictly ascending order of their key hashes. */
  | 'SERVICE_KEYS_NOT_INCREASING'
  /** Records and proof do not lead to the root that the ledger signed: one of the two is wrong. */
  | 'SERVICE_PROOF_MISMATCH'
  /** The ledger info of a proof is not vouched for by the caller's trust. */
  | 'SERVICE_LEDGER_INFO_REFUSED'
  /** The transaction of a version carries no state root, so there is no snapshot at it. */
  | 'SERVICE_NO_STATE_CHECKPOINT'
  /** All items that the service counts are proven, yet they are not the whole state. */
  | 'SERVICE_STATE_INCOMPLETE';

/** A failure of a backup service, or of the way to it. Facts: `path`, and the place where it is known. */
export class ServiceError extends HoldfastError<ServiceErrorCode> {}
