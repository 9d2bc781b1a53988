/**
 * Reading the files of a model under Node, for the scripts beside this one: TensorFlow.js itself, JSON, tensors and the
 * artifacts that TF.js loads a model from. Whatever cannot be read is a `ReplayError`, one sentence.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const BYTES_PER_VALUE = { bool: 1, uint8: 1, uint16: 2, float16: 2, float32: 4, int32: 4 };

/** A mistake in what the caller asked for or in the artifact; its text is the whole explanation. */
export class ReplayError extends Error {}

export const firstLine = (error) => String(error?.message ?? error).split('\n', 1)[0];
export const count = (shape) => shape.reduce((product, side) => product * side, 1);

export async function importTensorflow() {
  try {
    const { default: tf } = await import('@tensorflow/tfjs');
    await import('@tensorflow/tfjs-backend-wasm');
    return tf;
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new ReplayError("TensorFlow.js is not installed beside verify.mjs. Run 'npm ci' in the folder of verify.mjs.");
  }
}

export function readBytes(folder, path) {
  if (typeof path !== 'string') throw new ReplayError(`The manifest of ${folder} names a file by ${JSON.stringify(path)}.`);
  try {
    return readFileSync(join(folder, path));
  } catch (error) {
    const reason = error.code === 'ENOENT' ? 'is missing' : `cannot be read (${error.code})`;
    throw new ReplayError(`File ${path} of artifact ${folder} ${reason}. Publish the model again.`);
  }
}

export function readJson(folder, path) {
  const text = readBytes(folder, path).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ReplayError(`File ${path} of artifact ${folder} is not JSON (${firstLine(error)}). Publish the model again.`);
  }
}

/** Values of one file of raw numbers. Copies, because a typed array needs an aligned start, which a pooled buffer lacks. */
export function readTensor(folder, { path, shape, dtype }, expectedDtype) {
  if (dtype !== expectedDtype) throw new ReplayError(`File ${path} is declared as ${dtype}; it has to be ${expectedDtype}.`);
  const bytes = readBytes(folder, path);
  const expected = count(shape) * BYTES_PER_VALUE[dtype];
  if (bytes.length !== expected) {
    throw new ReplayError(
      `File ${path} of artifact ${folder} has ${bytes.length} bytes; shape [${shape}] takes ${expected}. Publish the model again.`,
    );
  }
  if (dtype === 'uint8') return Float32Array.from(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Float32Array.from({ length: count(shape) }, (_, i) => view.getFloat32(4 * i, true));
}

export function readModel(folder, topologyPath, format = 'graph-model') {
  const topology = readJson(folder, topologyPath);
  if (topology?.format !== format || !Array.isArray(topology.weightsManifest)) {
    throw new ReplayError(`${topologyPath} of artifact ${folder} is not a TF.js ${format}. Publish the model again.`);
  }
  const base = join(topologyPath, '..');
  const weightSpecs = topology.weightsManifest.flatMap((group) => group.weights);
  const shards = topology.weightsManifest.flatMap((group) => group.paths).map((path) => readBytes(folder, join(base, path)));
  const weightData = Buffer.concat(shards);
  // TF.js turns a short buffer into wrong numbers for some dtypes instead of refusing it.
  const expected = weightSpecs
    .map(({ shape, dtype, quantization }) => count(shape) * BYTES_PER_VALUE[quantization?.dtype ?? dtype])
    .reduce((sum, size) => sum + size, 0);
  if (weightData.length !== expected) {
    throw new ReplayError(
      `The weight files of artifact ${folder} have ${weightData.length} bytes; ${topologyPath} declares ${expected}. ` +
        'Publish the model again.',
    );
  }
  return {
    modelTopology: topology.modelTopology,
    signature: topology.signature,
    userDefinedMetadata: topology.userDefinedMetadata,
    format: topology.format,
    weightSpecs,
    weightData: weightData.buffer.slice(weightData.byteOffset, weightData.byteOffset + weightData.length),
  };
}

export function compare(actual, expected) {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i] - expected[i]);
    if (!Number.isFinite(distance)) return { max_abs_difference: null, max_abs_expected: null };
    difference = Math.max(difference, distance);
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return { max_abs_difference: difference, max_abs_expected: largest };
}
