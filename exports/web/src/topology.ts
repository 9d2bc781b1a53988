/**
 * Reads `model.json` of a graph model as far as files are concerned: which shards there are, how long they must be, and
 * whether TensorFlow.js will make finite numbers of them.
 */
import { Checker, parseJson } from './check.js';
import { ZooError } from './errors.js';
import { MAX_FILE_BYTES } from './limits.js';
import { checkPath } from './manifest.js';

const BYTES_PER_VALUE = { bool: 1, uint8: 1, uint16: 2, float16: 2, float32: 4, int32: 4 } as const;
const PLAIN = ['float32', 'int32', 'bool'] as const;
const QUANTIZED = ['uint8', 'uint16', 'float16'] as const;
/** Largest number that an affine type stores. */
const LEVELS = { uint8: 255, uint16: 65_535 } as const;
const LARGEST_FLOAT32 = 3.4028234663852886e38;
/** All of its bits are set in infinities and in what is no number. */
const FLOAT16_EXPONENT = 0x7c00;
const MAX_GROUPS = 100;
const MAX_SHARDS = 100;
const MAX_WEIGHTS = 10_000;
const MAX_AXES = 8;

export interface Topology {
  weightsManifest: { paths: string[]; weights: Record<string, unknown>[] }[];
  [key: string]: unknown;
}

/** Parse and check a topology; `document` names it in errors. */
export function parseTopology(bytes: Uint8Array, document: string): Topology {
  const check = new Checker(document);
  const raw = check.object(parseJson(bytes, document), 'its whole');
  check.object(raw.modelTopology, 'modelTopology');
  const shard = (path: unknown, where: string) => checkPath(check, check.text(path, where));
  const weight = (value: unknown, where: string) => check.object(value, where);
  const group = (value: unknown, where: string) => {
    const { paths, weights } = check.object(value, where);
    return {
      paths: check.list(paths, `${where}.paths`, shard, MAX_SHARDS),
      weights: check.list(weights, `${where}.weights`, weight, MAX_WEIGHTS),
    };
  };
  const weightsManifest = check.list(raw.weightsManifest, 'weightsManifest', group, MAX_GROUPS);
  check.distinct(weightsManifest.flatMap(({ paths }) => paths), 'path of a shard');
  return { ...raw, weightsManifest };
}

interface Weight {
  name: string;
  stored: keyof typeof BYTES_PER_VALUE;
  bytes: number;
}

/** Check what a topology says of its weights, in the order of the shards. Throws ZooError for what cannot be read. */
function readWeights(topology: Topology, document: string): Weight[] {
  const check = new Checker(document);
  const weights = topology.weightsManifest.flatMap((group) => group.weights);
  if (weights.length > MAX_WEIGHTS) check.fail('number of weights', weights.length, `at most ${MAX_WEIGHTS}`);
  const names = weights.map(({ name }, index) => check.text(name, `name of weight ${index}`));
  check.distinct(names, 'name of a weight');
  return weights.map(({ shape, dtype, quantization }, index) => {
    const where = `weight ${names[index]}`;
    const side = (value: unknown, at: string) => check.whole(value, at, 0, MAX_FILE_BYTES);
    const sides = check.list(shape, `shape of ${where}`, side, MAX_AXES);
    const stored =
      quantization === undefined
        ? check.oneOf(dtype, `dtype of ${where}`, PLAIN)
        : readQuantization(check, dtype, quantization, where);
    return { name: names[index], stored, bytes: sides.reduce((a, b) => a * b, 1) * BYTES_PER_VALUE[stored] };
  });
}

function readQuantization(check: Checker, dtype: unknown, value: unknown, where: string): (typeof QUANTIZED)[number] {
  check.oneOf(dtype, `dtype of ${where}`, ['float32']);
  const quantization = check.object(value, `quantization of ${where}`);
  const stored = check.oneOf(quantization.dtype, `stored dtype of ${where}`, QUANTIZED);
  if (stored !== 'float16') {
    const scale = check.number(quantization.scale, `scale of ${where}`);
    const min = check.number(quantization.min, `min of ${where}`);
    const largest = Math.abs(scale) * LEVELS[stored] + Math.abs(min);
    if (largest > LARGEST_FLOAT32) check.fail(`scale of ${where}`, scale, 'within float32');
  }
  return stored;
}

/** Bytes that the shards of a topology must have together; TensorFlow.js makes wrong numbers of a shorter buffer. */
export function weightBytes(topology: Topology, document: string): number {
  return readWeights(topology, document).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Throw ZooError for a weight that is not a finite number; `content` is that of all shards, as long as it must be. */
export function checkFinite(topology: Topology, content: ArrayBuffer, document: string): void {
  const view = new DataView(content);
  const isFinite = (stored: Weight['stored'], at: number) => {
    if (stored === 'float32') return Number.isFinite(view.getFloat32(at, true));
    return stored !== 'float16' || (view.getUint16(at, true) & FLOAT16_EXPONENT) !== FLOAT16_EXPONENT;
  };
  let at = 0;
  for (const { name, stored, bytes } of readWeights(topology, document)) {
    for (const end = at + bytes; at < end; at += BYTES_PER_VALUE[stored]) {
      if (!isFinite(stored, at)) {
        throw new ZooError(`Weight ${name} of ${document} holds a number that is not finite. Publish the model again.`);
      }
    }
  }
}
