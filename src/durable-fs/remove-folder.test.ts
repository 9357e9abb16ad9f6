import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { NodeFileSystem } from './node-file-system.js';
import { removeFolder } from './remove-folder.js';

describe('removing a folder', () => {
  it('takes all that is in it, and follows no link out of it', async (t) => {
    const root = temporaryFolder(t);
    mkdirSync(path.join(root, 'doomed', 'deeper'), { recursive: true });
    writeFileSync(path.join(root, 'doomed', 'deeper', 'file'), 'x');
    mkdirSync(path.join(root, 'kept'));
    writeFileSync(path.join(root, 'kept', 'file'), 'y');
    symlinkSync(path.join(root, 'kept'), path.join(root, 'doomed', 'link'));
    await removeFolder(new NodeFileSystem(root), 'doomed');
    assert.deepEqual(readdirSync(root), ['kept']);
    assert.equal(readFileSync(path.join(root, 'kept', 'file'), 'utf8'), 'y');
  });

  it('is content with none', async (t) => {
    await removeFolder(new NodeFileSystem(temporaryFolder(t)), 'none');
  });
});
