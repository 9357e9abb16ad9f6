import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { NodeFileSystem } from './node-file-system.js';
import { RecordingFileSystem } from './recording-file-system.js';

/** The real file system below a fresh folder that is removed after the test. */
export async function temporaryRoot(context: Pick<TestContext, 'after'>): Promise<NodeFileSystem> {
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-durable-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return new NodeFileSystem(folder);
}

/** The same, recorded. */
export async function recordedRoot(context: TestContext): Promise<RecordingFileSystem> {
  return new RecordingFileSystem(await temporaryRoot(context));
}

/** The kinds of calls in a log, with their paths where one is enough to see what they concern. */
export function kindsOf(recording: RecordingFileSystem): string[] {
  return recording.log.map(({ call }) => {
    if (call.kind === 'sync-directory') return `sync-directory ${call.path}`;
    return call.kind === 'link' ? `link ${call.to}` : call.kind;
  });
}
