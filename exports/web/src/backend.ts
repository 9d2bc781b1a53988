/** Starting TensorFlow.js on one of its back ends; each is fetched only when its turn comes. */
import * as tf from '@tensorflow/tfjs-core';
import { BACKENDS, type Backend } from './backends.js';
import { ZooError, reason } from './errors.js';
import { makeCanvas } from './source.js';

/** Each imports its back end and returns true, or returns false where this device has no use for it. */
const STARTERS: Record<Backend, (wasmPath: string) => Promise<boolean>> = {
  async webgpu() {
    const gpu = (navigator as { gpu?: { requestAdapter(): Promise<object | null> } }).gpu;
    if (!(await gpu?.requestAdapter())) return false;
    await import('@tensorflow/tfjs-backend-webgpu');
    return true;
  },
  async webgl() {
    if (!hasFastWebgl()) return false;
    await import('@tensorflow/tfjs-backend-webgl');
    return true;
  },
  async wasm(wasmPath) {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(wasmPath);
    return true;
  },
  async cpu() {
    await import('@tensorflow/tfjs-backend-cpu');
    return true;
  },
};

/** A software rasteriser runs WebGL correctly but slower than wasm, and is not chosen by itself. */
function hasFastWebgl(): boolean {
  const canvas = makeCanvas({ width: 1, height: 1 }) as HTMLCanvasElement;
  const found = canvas.getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  found?.getExtension('WEBGL_lose_context')?.loseContext();
  return found !== null;
}

/** TensorFlow.js gives up one start when another begins, so each waits for the one before. */
let before: Promise<unknown> = Promise.resolve();

/**
 * Start the first of `wanted` that works here and return its name. One that already runs is used again.
 * Throws ZooError when none starts. `wasmPath` is the address of the folder with the wasm files of TensorFlow.js. A back
 * end that lacks one of the `needed` kernels is passed over.
 */
export function startBackend(wanted: readonly Backend[], wasmPath: string, needed: readonly string[] = []): Promise<Backend> {
  const start = () => startFirst(wanted, wasmPath, needed);
  const started = before.then(start, start);
  before = started;
  return started;
}

async function startFirst(wanted: readonly Backend[], wasmPath: string, needed: readonly string[]): Promise<Backend> {
  const tried: string[] = [];
  for (const backend of wanted) {
    if (!BACKENDS.includes(backend)) {
      throw new ZooError(`Unknown backend '${backend}'. Backends are: ${BACKENDS.join(', ')}.`);
    }
    try {
      const isKnown = tf.engine().registryFactory[backend] !== undefined;
      const isStarted = (isKnown || (await STARTERS[backend](wasmPath))) && (await tf.setBackend(backend));
      const missing = needed.filter((kernel) => tf.getKernel(kernel, backend) === undefined);
      if (isStarted && missing.length === 0) return backend;
      tried.push(isStarted ? `${backend} has no ${missing[0]}` : `${backend} does not start`);
    } catch (error) {
      tried.push(`${backend}: ${reason(error)}`);
    }
  }
  throw new ZooError(`No backend of TensorFlow.js starts here (${tried.join('; ')}). For wasm, give wasmPath.`);
}
