/** Sightings that are kept; beyond them time is told less exactly. */
const SIGHTINGS_MAX = 4096;

/** Since when versions that the archive lacks have been there. */
export class VersionWaits {
  /** By ascending version: when a version was first seen committed, in ms. */
  #sightings: { readonly version: bigint; readonly at: number }[] = [];

  /** The node has committed everything up to `version`. */
  seen(version: bigint, now: number): void {
    const last = this.#sightings.at(-1);
    if (last && last.version >= version) return;
    this.#sightings.push({ version, at: now });
    if (this.#sightings.length > SIGHTINGS_MAX) {
      this.#sightings = this.#sightings.filter((_, index) => index % 2 === 0);
    }
  }

  /** How long the oldest version above `archived` has been waiting, in ms; 0 when there is none. */
  waitedMs(archived: bigint | undefined, now: number): number {
    if (archived !== undefined) {
      this.#sightings = this.#sightings.filter(({ version }) => version > archived);
    }
    const [oldest] = this.#sightings;
    return oldest ? now - oldest.at : 0;
  }
}
