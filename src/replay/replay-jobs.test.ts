import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { LocatedEntry } from '../archive/metadata-entry.js';
import { buildMetadataView, type MetadataView } from '../archive/metadata-view.js';
import {
  dealReplayJobs,
  parseVersionSpans,
  planReplayRanges,
  type ReplayJobsOptions,
} from './replay-jobs.js';

/** An archive with snapshots at `[epoch, version]` and transactions up to `last`. */
function viewOf(snapshots: readonly (readonly [number, number])[], last: number): MetadataView {
  const entries: LocatedEntry[] = snapshots.map(([epoch, version], line) => ({
    entry: {
      kind: 'StateSnapshotBackup',
      epoch: BigInt(epoch),
      version: BigInt(version),
      manifest: `state_${epoch}_${version}`,
    },
    handle: 'metadata/snapshots',
    line,
  }));
  entries.push({
    entry: {
      kind: 'TransactionBackup',
      firstVersion: 0n,
      lastVersion: BigInt(last),
      manifest: 'transactions',
    },
    handle: 'metadata/transactions',
    line: 0,
  });
  return buildMetadataView(entries);
}

function plan(view: MetadataView, options: Partial<ReplayJobsOptions> = {}): string[][] {
  const all = {
    startVersion: 0n,
    maxEpochs: 4000n,
    rangesToSkip: [],
    maxVersionsPerRange: 1000n,
    maxRangesPerJob: 16,
    ...options,
  };
  return dealReplayJobs(planReplayRanges(view, all), all.maxRangesPerJob);
}

const view = viewOf(
  [
    [0, 0],
    [1, 100],
    [2, 450],
    [3, 700],
    [20, 2500],
  ],
  2999,
);

describe('jobs for replays', () => {
  it('are ranges from snapshot to snapshot, merged as far as they fit, newest first', () => {
    assert.deepEqual(plan(view), [
      [
        '0-0 2500 2999 Replay epoch 20 - 19, 500 txns starting from version 2500.',
        '0-1-partial 700 1699 Partial replay epoch 3 - 19, 1000 txns starting from version 700, another 800 ' +
          'versions omitted, until 2500. !!! Need more snapshots !!!',
        '0-2 0 699 Replay epoch 0 - 2, 700 txns starting from version 0.',
      ],
    ]);
  });

  it('deals ranges in turn, with one count over all jobs', () => {
    const jobs = plan(view, { maxVersionsPerRange: 400n, maxRangesPerJob: 2 });
    assert.deepEqual(
      jobs.map((job) => job.map((text) => text.split(' ').slice(0, 3).join(' '))),
      [['0-0-partial 2500 2899', '0-3 100 449'], ['1-1-partial 700 1099', '1-4 0 99'], ['2-2 450 699']].map(
        (job) => job,
      ),
    );
    assert.match(
      jobs[0]?.[0] ?? '',
      /another 100 versions omitted, until 3000\. $/,
      'no remark leaves a space',
    );
  });

  it('takes a pair of exactly the maximum as partial, and merges up to exactly the maximum', () => {
    const exact = viewOf(
      [
        [0, 0],
        [1, 50],
      ],
      149,
    );
    assert.deepEqual(plan(exact, { maxVersionsPerRange: 100n }), [
      [
        '0-0-partial 50 149 Partial replay epoch 1 - 0, 100 txns starting from version 50, another 0 versions ' +
          'omitted, until 150. ',
        '0-1 0 49 Replay epoch 0 - 0, 50 txns starting from version 0.',
      ],
    ]);
    assert.equal(plan(exact, { maxVersionsPerRange: 150n })[0]?.[0]?.split(' ')[1], '0');
  });

  it('gives up the range that the start version is in, and those before', () => {
    const firsts = (startVersion: bigint): (string | undefined)[] =>
      plan(view, { startVersion, maxVersionsPerRange: 300n })
        .flat()
        .map((text) => text.split(' ')[1]);
    assert.deepEqual(firsts(450n), ['2500', '700', '450']);
    assert.deepEqual(firsts(451n), ['2500', '700']);
    assert.deepEqual(firsts(2501n), []);
  });

  it('counts epochs back from the newest snapshot', () => {
    const count = (maxEpochs: bigint): number => plan(view, { maxEpochs }).flat().length;
    assert.equal(count(1n), 1);
    assert.equal(count(18n), 2, 'epochs 3 to 20');
    assert.equal(count(0n), 0);
    assert.equal(count(2n ** 64n - 1n), 3);
  });

  it('leaves out every range that overlaps a skipped one, its ends included', () => {
    const firsts = (text: string): (string | undefined)[] =>
      plan(view, { rangesToSkip: parseVersionSpans(text) })
        .flat()
        .map((job) => job.split(' ')[1]);
    assert.deepEqual(firsts(''), ['2500', '700', '0']);
    assert.deepEqual(firsts('699-699'), ['2500', '700']);
    assert.deepEqual(firsts('1700-2499'), ['2500', '700', '0'], 'what a partial range omits is not in it');
    assert.deepEqual(firsts('1699-2500 5-6'), []);
    assert.deepEqual(firsts('0-10000 1-2'), []);
  });

  it('refuses ranges that are none', () => {
    for (const text of ['5', '5-', '-5', '5-4', '1-2-3', 'a-b', '1-2,3-4', `0-${2n ** 64n}`]) {
      assert.throws(() => parseVersionSpans(text), /Malformed range/, text);
    }
    assert.deepEqual(parseVersionSpans(' 1-2  3-3 '), [
      { first: 1n, last: 2n },
      { first: 3n, last: 3n },
    ]);
  });

  it('needs snapshots and transactions', () => {
    assert.throws(() => plan(viewOf([], 5)), { code: 'REPLAY_NOTHING_TO_PLAN' });
    assert.throws(() => plan(buildMetadataView([])), { code: 'REPLAY_NOTHING_TO_PLAN' });
  });

  it('takes one snapshot an epoch', () => {
    const doubled = viewOf(
      [
        [4, 30],
        [4, 40],
        [5, 50],
      ],
      59,
    );
    assert.deepEqual(
      plan(doubled, { maxVersionsPerRange: 15n })
        .flat()
        .map((text) => text.split(' ').slice(1, 3)),
      [
        ['50', '59'],
        ['30', '44'],
      ],
    );
  });

  it('are disjoint, within the maximum, begin at snapshots, and cover all but what they say they omit', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 500 })), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 800 }),
        fc.integer({ min: 1, max: 5 }),
        (path, max, perJob) => {
          let [epoch, version] = [0, 0];
          const snapshots = path.map(([epochs, versions]): [number, number] => {
            epoch += epochs;
            version += versions;
            return [epoch, version];
          });
          const last = version + 37;
          const options = { maxVersionsPerRange: BigInt(max), maxRangesPerJob: perJob };
          const jobs = plan(viewOf(snapshots, last), options);
          for (const job of jobs) assert.ok(job.length > 0 && job.length <= perJob);
          const versions = new Set(snapshots.map(([, at]) => at));
          let end = last + 1;
          const texts = jobs.flat().map((text) => text.split(' '));
          texts.sort((left, right) => Number(right[1]) - Number(left[1]));
          for (const [name = '', first, until, ...words] of texts) {
            const [from, to] = [Number(first), Number(until)];
            assert.ok(versions.has(from) && to - from + 1 <= max);
            const omitted = name.endsWith('-partial') ? Number(words[words.indexOf('another') + 1]) : 0;
            assert.equal(to + 1 + omitted, end);
            end = from;
          }
          assert.equal(end, snapshots[0]?.[1]);
        },
      ),
    );
  });
});
