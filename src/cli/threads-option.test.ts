import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command, CommanderError } from 'commander';
import { addThreadsOption, type ThreadsFlag } from './threads-option.js';

function threadsOf(...args: string[]): number {
  const command = addThreadsOption(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: 'user' }).opts<ThreadsFlag>().threads;
}

describe('--threads', () => {
  it('is a number from 1 to 64, and at least 1 without the flag', () => {
    assert.equal(threadsOf('--threads', '1'), 1);
    assert.equal(threadsOf('--threads', '64'), 64);
    assert.ok(threadsOf() >= 1);
    for (const text of ['0', '65', '-1', '1.5', 'many', '']) {
      assert.throws(() => threadsOf('--threads', text), CommanderError, text);
    }
  });
});
