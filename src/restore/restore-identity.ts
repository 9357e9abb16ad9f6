/** What was asked for, as it was asked: a later run must ask for the same. Integers as decimal text. */
export interface RestoreArguments {
  readonly targetVersion?: string;
  readonly historyStartVersion?: string;
  readonly replayAll: boolean;
  readonly skipEpochEndings: boolean;
  /** `version:hash` texts, sorted. */
  readonly trustWaypoints: readonly string[];
  readonly ledgerFamily: string;
}

/** What tells one archive from another; copies of one archive are the same. */
export interface ArchiveIdentity {
  /** The random numbers of its identity files, lower-case hex, sorted; some archives have none. */
  readonly ids: readonly string[];
  /** The waypoint of the end of epoch 0, by its manifest: which chain it is. */
  readonly genesisWaypoint?: string;
  /** The place in words; for people, never compared. */
  readonly place: string;
}

/** A snapshot that a restore builds upon. */
export interface IdentitySnapshot {
  readonly version: string;
  readonly rootHash: string;
}

/** What a restore came to, so that a later run does not choose anew when the archive has grown. */
export interface RestoreChoice {
  readonly version: string;
  /** The first version whose transaction is restored. */
  readonly firstVersion: string;
  /** Where the values begin; absent where they are replayed from nothing. */
  readonly base?: IdentitySnapshot;
  /** Where the tree begins; absent where it is replayed from nothing. */
  readonly tree?: IdentitySnapshot;
}

/** Kept with an unfinished and with a finished restore. JSON-able as it is. */
export interface RestoreIdentity {
  readonly arguments: RestoreArguments;
  readonly archive: ArchiveIdentity;
  readonly choice: RestoreChoice;
}
