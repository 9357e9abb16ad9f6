/** A proof as it goes into an archive, after it was verified. */
export interface VerifiedProof<T> {
  /** The BCS that the service sent. */
  readonly bytes: Uint8Array;
  readonly proof: T;
}
