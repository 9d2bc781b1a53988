/** Starting TensorFlow.js on one of its back ends; each is fetched only when its turn comes. */
import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from './backends.js';
import { NoBackend, reason } from './errors.js';
import { hasFastWebgl, isSoftwareAdapter, type GpuAdapter } from './rasteriser.js';

/** Each imports its back end. */
const LOADERS: Record<Backend, (wasmPath: string) => Promise<unknown>> = {
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  webgl: () => import('@tensorflow/tfjs-backend-webgl'),
  async wasm(wasmPath) {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(wasmPath);
  },
  cpu: () => import('@tensorflow/tfjs-backend-cpu'),
};

/** Why this device has no use for a back end, if so. The last one wanted is taken even where it computes in software. */
async function uselessness(backend: Backend, isLast: boolean): Promise<string | undefined> {
  if (backend === 'webgl' && !isLast && !hasFastWebgl()) return 'webgl has no graphics card';
  if (backend !== 'webgpu') return undefined;
  const adapter = await (navigator as { gpu?: { requestAdapter(): Promise<GpuAdapter | null> } }).gpu?.requestAdapter();
  if (!adapter) return 'webgpu is not offered';
  return !isLast && isSoftwareAdapter(adapter) ? 'webgpu has no graphics card' : undefined;
}

/** TensorFlow.js gives up one start when another begins, so each waits for the one before. */
let before: Promise<unknown> = Promise.resolve();

/**
 * Start the first of `wanted` that works here and return its name. One that already runs is used again.
 * Throws ZooError when none starts. `wasmPath` is the address of the folder with the wasm files of TensorFlow.js. A back
 * end that lacks one of the `needed` kernels is passed over, and so is one for graphics cards that would compute in
 * software, unless no other follows.
 */
export function startBackend(wanted: readonly Backend[], wasmPath: string, needed: readonly string[] = []): Promise<Backend> {
  const start = () => startFirst(wanted, wasmPath, needed);
  const started = before.then(start, start);
  before = started;
  return started;
}

async function startFirst(wanted: readonly Backend[], wasmPath: string, needed: readonly string[]): Promise<Backend> {
  const tried: string[] = [];
  for (const [place, backend] of wanted.entries()) {
    try {
      const useless = await uselessness(backend, place === wanted.length - 1);
      if (useless !== undefined) {
        tried.push(useless);
        continue;
      }
      if (tf.engine().registryFactory[backend] === undefined) await LOADERS[backend](wasmPath);
      const isStarted = await tf.setBackend(backend);
      const missing = needed.filter((kernel) => tf.getKernel(kernel, backend) === undefined);
      if (isStarted && missing.length === 0) return backend;
      tried.push(isStarted ? `${backend} has no ${missing[0]}` : `${backend} does not start`);
    } catch (error) {
      tried.push(`${backend}: ${reason(error)}`);
    }
  }
  throw new NoBackend(`No backend of TensorFlow.js starts here (${tried.join('; ')}). For wasm, give wasmPath.`);
}
