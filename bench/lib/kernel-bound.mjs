// The bound of all proving: every hash that an archive's records take, through the kernel alone. What is to be
// hashed is found out beforehand, by an engine that notes what it is asked for; then the same messages go
// through one kernel a thread, from memory, and only that is timed.
//   node bench/lib/kernel-bound.mjs '{"directory": ..., "kind": "state" | "transactions", "threads": N, "samples": N}'
import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { load } from './child.mjs';
import { median, timed } from './numbers.mjs';

const HASH_SIZE = 32;
/** Nodes of one call, as in the levels of a tree. */
const NODES_A_CALL = 4096;
const NODE_BYTES = 2 * HASH_SIZE;

async function bound({ directory, kind, threads, samples }) {
  const { calls, nodes, records, bytes } = await collect(directory, kind);
  const shares = Array.from({ length: threads }, (_, thread) => ({
    calls: calls.filter((_call, index) => index % threads === thread),
    nodes: Math.ceil(nodes / threads),
  }));
  const { times, cpuMs } =
    threads === 1 ? await alone(shares[0], samples) : await sideBySide(shares, samples);
  const messages = calls.reduce((sum, { count }) => sum + count, nodes);
  return { ms: median(times), cpuMs, records, bytes, messages, nodes };
}

async function alone(share, samples) {
  const engine = await newEngine();
  hashShare(engine, share);
  return await sampled(samples, async () => hashShare(engine, share));
}

/** Milliseconds of each sample, and what all threads worked in one on average. */
async function sampled(samples, work) {
  const times = [];
  const before = process.cpuUsage();
  for (let sample = 0; sample < samples; sample++) times.push(await timed(work));
  const { user, system } = process.cpuUsage(before);
  return { times, cpuMs: (user + system) / 1000 / samples };
}

async function sideBySide(shares, samples) {
  const workers = shares.map((share) => new Worker(import.meta.filename, { workerData: share }));
  const turn = () =>
    Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve, reject) => {
            worker.once('message', resolve).once('error', reject);
            worker.postMessage('go');
          }),
      ),
    );
  // The first turn is also when they have started.
  await turn();
  const result = await sampled(samples, turn);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return result;
}

async function work() {
  const engine = await newEngine();
  parentPort.on('message', () => {
    hashShare(engine, workerData);
    parentPort.postMessage('done');
  });
}

async function newEngine() {
  const { createKernelSha3 } = await load('hashing/kernel-sha3.js');
  return createKernelSha3();
}

const pairs = new Uint8Array(NODES_A_CALL * NODE_BYTES);
const seedOfNodes = new Uint8Array(HASH_SIZE);
let digests = new Uint8Array();

function hashShare(engine, { calls, nodes }) {
  for (const { seed, base, starts, ends, count } of calls) {
    if (digests.length < count * HASH_SIZE) digests = new Uint8Array(count * HASH_SIZE);
    engine.records(seed, { base, starts, ends, count }, digests, 0);
  }
  for (let done = 0; done < nodes; done += NODES_A_CALL) {
    engine.nodes(seedOfNodes, pairs, 0, Math.min(NODES_A_CALL, nodes - done), pairs, 0);
  }
}

/** All `records` calls with copies of their messages in shared memory, and the number of nodes. */
class NotingEngine {
  name = 'noting';
  calls = [];
  nodeCount = 0;
  #engine;

  constructor(engine) {
    this.#engine = engine;
  }

  digest(message) {
    return this.#engine.digest(message);
  }

  records(seed, { base, starts, ends, count }, out, outStart) {
    let size = 0;
    for (let index = 0; index < count; index++) size += ends[index] - starts[index];
    const copy = {
      seed,
      base: new Uint8Array(new SharedArrayBuffer(size)),
      starts: new Uint32Array(new SharedArrayBuffer(4 * count)),
      ends: new Uint32Array(new SharedArrayBuffer(4 * count)),
      count,
    };
    let at = 0;
    for (let index = 0; index < count; index++) {
      copy.starts[index] = at;
      copy.base.set(base.subarray(starts[index], ends[index]), at);
      at += ends[index] - starts[index];
      copy.ends[index] = at;
    }
    if (count > 0) this.calls.push(copy);
    this.#engine.records(seed, { base, starts, ends, count }, out, outStart);
  }

  nodes(seed, nodes, start, count, out, outStart) {
    this.nodeCount += count;
    this.#engine.nodes(seed, nodes, start, count, out, outStart);
  }
}

async function collect(directory, kind) {
  const { LocalFsStorage } = await load('storage/local-fs.js');
  const { LEDGER_FAMILIES, ledgerHashers } = await load('types/ledger-family.js');
  const engine = new NotingEngine(await newEngine());
  const hashers = ledgerHashers(LEDGER_FAMILIES.aptos, engine);
  // Seeds are hashed when hashers are made.
  engine.calls = [];
  const storage = new LocalFsStorage(directory);
  const files = await chunkFiles(storage, kind);
  const note = kind === 'state' ? noteState : noteTransactions;
  const { records, bytes } = await note(storage, files, hashers);
  return { calls: engine.calls, nodes: engine.nodeCount, records, bytes };
}

async function chunkFiles(storage, kind) {
  const { loadMetadata } = await load('archive/load-metadata.js');
  const { buildMetadataView } = await load('archive/metadata-view.js');
  const manifests = await load('archive/load-manifest.js');
  const view = buildMetadataView((await loadMetadata(storage)).entries);
  if (kind === 'state') {
    const manifest = await manifests.loadStateSnapshotManifest(
      storage,
      view.stateSnapshots.at(-1).entry.manifest,
    );
    return manifest.chunks.map(({ blobs }) => ({ file: blobs }));
  }
  const files = [];
  for (const { entry } of view.transactions) {
    const { chunks } = await manifests.loadTransactionManifest(storage, entry.manifest);
    for (const { transactions, format } of chunks) files.push({ file: transactions, format });
  }
  return files;
}

async function noteState(storage, files, hashers) {
  const { readRecordBatches } = await load('archive/record-file.js');
  const { StateRecordHasher } = await load('records/state-records.js');
  const { StateTreeSegment } = await load('merkle/state-tree-segment.js');
  const { StateTreeFrontier } = await load('merkle/state-tree-frontier.js');
  const { sparseMerkleHashers } = await load('merkle/sparse-merkle-hashers.js');
  const tree = sparseMerkleHashers(hashers);
  const frontier = new StateTreeFrontier(tree);
  const hasher = new StateRecordHasher(hashers);
  let bytes = 0;
  for (const { file } of files) {
    for await (const batch of readRecordBatches(storage, file)) {
      const { keyHashes, valueHashes, count } = hasher.hash(batch, refuse);
      frontier.addSegment(StateTreeSegment.fromLeaves(tree, keyHashes, valueHashes, count));
      bytes += batch.bytes.length;
    }
  }
  return { records: frontier.leafCount, bytes };
}

async function noteTransactions(storage, files, hashers) {
  const { readRecordBatches } = await load('archive/record-file.js');
  const { TransactionRecordChecker } = await load('records/transaction-records.js');
  const { Accumulator } = await load('merkle/accumulator.js');
  const accumulator = Accumulator.fromLeftSiblings(hashers.transactionAccumulator, [], 0n);
  let bytes = 0;
  let records = 0;
  for (const { file, format } of files) {
    const checker = new TransactionRecordChecker(hashers, format);
    for await (const batch of readRecordBatches(storage, file)) {
      accumulator.appendMany(checker.check(batch, refuse).infoHashes);
      records += batch.count;
      bytes += batch.bytes.length;
    }
  }
  return { records, bytes };
}

function refuse(fault) {
  throw new Error(`a generated record is bad: ${JSON.stringify(fault)}`);
}

/** A child's arguments for the bound of an archive. */
export function kernelBoundArgs(options) {
  return [path.resolve(import.meta.filename), [JSON.stringify(options)]];
}

if (!isMainThread) await work();
else if (process.argv[1] === import.meta.filename) {
  console.log(JSON.stringify(await bound(JSON.parse(process.argv[2]))));
}
