import type { CrashModel } from './crash-model.js';
import type { DiskImage, ImageDirectory, ImageFile } from './disk-image.js';
import type { DiskHistory, HistoryFile } from './disk-history.js';
import { type Namespace, possibleNamespaces } from './namespaces.js';
import type { SeededRandom } from './seeded-random.js';

/** The disks that a crash at one point may leave. */
export interface PossibleImages {
  /** True if these are all of them under the model, false if they are a sample. */
  readonly exhaustive: boolean;
  /** Equal images may come more than once. */
  readonly images: Iterable<DiskImage>;
}

/**
 * The images that a model allows at the present point of a history: all of them if there are at most
 * `imagesMax`, otherwise the two extremes (only what is durable; everything) and random ones up to
 * `imagesMax`. Consume them before the history goes on.
 */
export function possibleImages(
  history: DiskHistory,
  model: CrashModel,
  imagesMax: number,
  random: SeededRandom,
): PossibleImages {
  const namespaces = possibleNamespaces(history, model.namespace);
  const contents = new ContentCache(model);
  if (namespaces.count <= imagesMax) {
    const all = [...namespaces.all()];
    let count = 0;
    for (const namespace of all) count += contents.countFor(namespace);
    if (count <= imagesMax) return { exhaustive: true, images: allImages(all, contents) };
  }
  function* sampled(): Generator<DiskImage> {
    for (const namespace of namespaces.extremes()) {
      yield contents.image(namespace, () => 0);
      yield contents.image(namespace, (variants) => variants - 1);
    }
    for (let count = 4; count < imagesMax; count += 1) {
      yield contents.image(namespaces.random(random), (variants) => random.below(variants));
    }
  }
  return { exhaustive: false, images: sampled() };
}

function* allImages(namespaces: readonly Namespace[], contents: ContentCache): Generator<DiskImage> {
  for (const namespace of namespaces) {
    for (let index = 0; index < contents.countFor(namespace); index += 1) {
      let rest = index;
      yield contents.image(namespace, (variants) => {
        const choice = rest % variants;
        rest = Math.floor(rest / variants);
        return choice;
      });
    }
  }
}

/** Computes the contents that each file may have once; equal contents stay the same object for the digest. */
class ContentCache {
  readonly #model: CrashModel;
  readonly #variants = new Map<HistoryFile, readonly Uint8Array[]>();

  constructor(model: CrashModel) {
    this.#model = model;
  }

  /** How many images differ only in what the files of this namespace hold. */
  countFor(namespace: Namespace): number {
    let count = 1;
    for (const file of filesOf(namespace)) count *= this.#variantsOf(file).length;
    return count;
  }

  /** The image in which each file holds the variant that `choose` picks, given how many there are. */
  image(namespace: Namespace, choose: (variants: number) => number): DiskImage {
    const files = new Map<HistoryFile, ImageFile>();
    for (const file of filesOf(namespace)) {
      const variants = this.#variantsOf(file);
      files.set(file, { kind: 'file', bytes: variants[choose(variants.length)] ?? file.durable });
    }
    const image = new Map<string, ImageFile | ImageDirectory>();
    for (const [path, node] of namespace) {
      const file = node.kind === 'file' ? files.get(node) : undefined;
      image.set(path, file ?? { kind: 'directory' });
    }
    return image;
  }

  #variantsOf(file: HistoryFile): readonly Uint8Array[] {
    let variants = this.#variants.get(file);
    if (variants === undefined) {
      variants = file.unsynced.length === 0 ? [file.durable] : this.#model.content(file);
      this.#variants.set(file, variants);
    }
    return variants;
  }
}

/** Each file once, however many names it has. */
function filesOf(namespace: Namespace): Set<HistoryFile> {
  const files = new Set<HistoryFile>();
  for (const [, node] of namespace) if (node.kind === 'file') files.add(node);
  return files;
}
