/** Reads `model.json` of a graph model as far as files are concerned: which shards there are and how long they must be. */
import { Checker, parseJson } from './check.js';
import { MAX_FILE_BYTES, checkPath } from './manifest.js';

const BYTES_PER_VALUE = { bool: 1, uint8: 1, uint16: 2, float16: 2, float32: 4, int32: 4 } as const;
const STORED = Object.keys(BYTES_PER_VALUE) as (keyof typeof BYTES_PER_VALUE)[];

export interface Topology {
  weightsManifest: { paths: string[]; weights: Record<string, unknown>[] }[];
  [key: string]: unknown;
}

/** Parse and check a topology; `document` names it in errors. */
export function parseTopology(bytes: Uint8Array, document: string): Topology {
  const check = new Checker(document);
  const raw = check.object(parseJson(bytes, document), 'its whole');
  check.object(raw.modelTopology, 'modelTopology');
  const weightsManifest = check.list(raw.weightsManifest, 'weightsManifest', (value, where) => {
    const group = check.object(value, where);
    return {
      paths: check.list(group.paths, `${where}.paths`, (path, at) => checkPath(check, check.text(path, at))),
      weights: check.list(group.weights, `${where}.weights`, (weight, at) => check.object(weight, at)),
    };
  });
  return { ...raw, weightsManifest };
}

/** Bytes that the shards of a topology must have together; TensorFlow.js makes wrong numbers of a shorter buffer. */
export function weightBytes(topology: Topology, document: string): number {
  const check = new Checker(document);
  const weights = topology.weightsManifest.flatMap((group) => group.weights);
  return weights.reduce((sum, { name, shape, dtype, quantization }) => {
    const where = `weight ${String(name)}`;
    const sides = check.list(shape, `shape of ${where}`, (side, at) => check.whole(side, at, 0, MAX_FILE_BYTES));
    const stored = quantization === undefined ? dtype : check.object(quantization, `quantization of ${where}`).dtype;
    return sum + sides.reduce((a, b) => a * b, 1) * BYTES_PER_VALUE[check.oneOf(stored, `dtype of ${where}`, STORED)];
  }, 0);
}
