/** What one call did, without when and how it ended. */
export type FileSystemCall =
  | { readonly kind: 'mkdir'; readonly path: string }
  /** `file` numbers the descriptor; later writes, syncs and the close of it carry the same number. */
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly path: string;
      readonly position: number;
      /** What the file system took: a copy, and after a short write only the part that was taken. */
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'sync-file'; readonly file: number; readonly path: string }
  | { readonly kind: 'close'; readonly file: number; readonly path: string }
  | { readonly kind: 'link'; readonly from: string; readonly to: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'rmdir'; readonly path: string }
  | { readonly kind: 'sync-directory'; readonly path: string }
  /** A sync of a file that was found by its name. */
  | { readonly kind: 'sync-path'; readonly path: string }
  /** Not a call: the moment at which the program told somebody that something is safe. */
  | { readonly kind: 'acknowledge'; readonly label: string };

/** The kinds of calls, and the acknowledgement. */
export type CallKind = FileSystemCall['kind'];

/** A row of the log. */
export interface LoggedOperation {
  readonly call: FileSystemCall;
  /** Increases with the start of calls. Stays with the operation wherever a mutation moves it. */
  readonly sequence: number;
  /**
   * Calls (by sequence) that had begun and not ended when this one began. A sync promises nothing about
   * them, although they stand before it in the log.
   */
  readonly unfinished: readonly number[];
  /** The system's code if the call failed. */
  readonly failure: string | undefined;
}
