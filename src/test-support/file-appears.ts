import { existsSync, readFileSync, watch } from 'node:fs';
import path from 'node:path';

/** Resolves to the text of a file as soon as it is there; whoever makes it moves it into its place whole. */
export async function fileAppears(folder: string, name: string): Promise<string> {
  const file = path.join(folder, name);
  const watcher = watch(folder);
  try {
    await new Promise<void>((resolve, reject) => {
      // Every event is a reason to look, since several may come at once.
      const look = (): void => {
        if (existsSync(file)) resolve();
      };
      watcher.on('change', look).on('error', reject);
      look();
    });
    return readFileSync(file, 'utf8');
  } finally {
    watcher.close();
  }
}
