// A file system in a file that can be cut off: everything that was not synced is lost, as in a power cut.
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const FORMATS = {
  ext4: ['mkfs.ext4', '-q', '-F'],
  xfs: ['mkfs.xfs', '-q', '-f'],
};
/** XFS refuses to be smaller than 300 MiB; the file is sparse. */
const IMAGE_BYTES = 384 * 1024 * 1024;
const UNMOUNT_TRIES = 100;

export const fileSystems = Object.keys(FORMATS);

export class Volume {
  /** Where it is mounted. */
  folder;
  #image;
  #fileSystem;

  constructor(workFolder, fileSystem) {
    this.#fileSystem = fileSystem;
    this.#image = path.join(workFolder, `${fileSystem}.image`);
    this.folder = path.join(workFolder, fileSystem);
    mkdirSync(this.folder, { recursive: true });
  }

  /** A new, empty file system, mounted. */
  format() {
    rmSync(this.#image, { force: true });
    const file = openSync(this.#image, 'w');
    ftruncateSync(file, IMAGE_BYTES);
    closeSync(file);
    const [command, ...args] = FORMATS[this.#fileSystem];
    run(command, ...args, this.#image);
    this.mount();
  }

  /** Mounting replays the journal, as after a power cut. */
  mount() {
    run('mount', '-o', 'loop', this.#image, this.folder);
  }

  /** The shutdown call of the file system, without a flush of its journal: from here on nothing gets out. */
  cut() {
    run('xfs_io', '-x', '-c', 'shutdown', this.folder);
  }

  /** The process that was killed may hold its files for a moment longer. */
  async unmount() {
    for (let tries = 1; ; tries++) {
      try {
        run('umount', this.folder);
        return;
      } catch (error) {
        if (tries === UNMOUNT_TRIES) throw error;
        await pause(20);
      }
    }
  }

  remove() {
    rmSync(this.#image, { force: true });
  }
}

function run(command, ...args) {
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
