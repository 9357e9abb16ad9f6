// What a thread of the pool runs: it answers each task with its result, in order.
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { adoptKernelModule } from '../hashing/kernel-instance.js';
import { BatchProver } from './batch-prover.js';
import { toPosted } from './batch-task.js';
import { ProvingMemory } from './proving-memory.js';
import type { ThreadAnswer, ThreadSetup, ThreadTask } from './prover-threads.js';

assert(parentPort, 'this module is run as a thread');
const port = parentPort;
const { family, memory, kernel, kernelKind, threads, thread } = workerData as ThreadSetup;
adoptKernelModule(kernelKind, true, kernel);
const prover = new BatchProver(family, ProvingMemory.adopt(memory, threads), thread);

port.on('message', ({ id, task }: ThreadTask) => {
  let answer: ThreadAnswer;
  try {
    answer = { id, result: toPosted(prover.prove(task)) };
  } catch (error) {
    answer = { id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  port.postMessage(answer);
});
