/**
 * Replays an artifact's golden input in TensorFlow.js under Node and reports how far its outputs are from the golden ones.
 *
 *     node verify.mjs ARTIFACT_DIR [--backend wasm] [--backend cpu]
 *
 * Prints one JSON document on stdout. Differences are reported, not judged: the caller owns the tolerances. A difference
 * is null when an output holds a value that is not finite, which JSON cannot write. Exits with 1 and one sentence on
 * stderr when the artifact cannot be replayed at all.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BACKENDS = ['wasm', 'cpu'];
const TIMED_RUNS = 5;
const BYTES_PER_VALUE = { bool: 1, uint8: 1, uint16: 2, float16: 2, float32: 4, int32: 4 };

/** A mistake in what the caller asked for or in the artifact; its text is the whole explanation. */
class ReplayError extends Error {}

const firstLine = (error) => String(error?.message ?? error).split('\n', 1)[0];
const count = (shape) => shape.reduce((product, side) => product * side, 1);

function parseArguments(argv) {
  const folders = [];
  const backends = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--backend') backends.push(argv[++i]);
    else if (argv[i].startsWith('-')) throw new ReplayError(`Unknown option '${argv[i]}'. The only option is --backend.`);
    else folders.push(argv[i]);
  }
  if (folders.length !== 1) {
    throw new ReplayError('Usage: node verify.mjs ARTIFACT_DIR [--backend wasm] [--backend cpu]');
  }
  const unknown = backends.find((backend) => !BACKENDS.includes(backend));
  if (backends.length > 0 && unknown !== undefined) {
    throw new ReplayError(`Unknown backend '${unknown}'. Backends are: ${BACKENDS.join(', ')}.`);
  }
  if (backends.includes(undefined)) throw new ReplayError(`--backend needs a name: ${BACKENDS.join(' or ')}.`);
  return { folder: folders[0], backends: backends.length > 0 ? [...new Set(backends)] : BACKENDS };
}

async function importTensorflow() {
  try {
    const { default: tf } = await import('@tensorflow/tfjs');
    await import('@tensorflow/tfjs-backend-wasm');
    return tf;
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new ReplayError("TensorFlow.js is not installed beside verify.mjs. Run 'npm ci' in the folder of verify.mjs.");
  }
}

function readBytes(folder, path) {
  if (typeof path !== 'string') throw new ReplayError(`The manifest of ${folder} names a file by ${JSON.stringify(path)}.`);
  try {
    return readFileSync(join(folder, path));
  } catch (error) {
    const reason = error.code === 'ENOENT' ? 'is missing' : `cannot be read (${error.code})`;
    throw new ReplayError(`File ${path} of artifact ${folder} ${reason}. Publish the model again.`);
  }
}

function readJson(folder, path) {
  const text = readBytes(folder, path).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ReplayError(`File ${path} of artifact ${folder} is not JSON (${firstLine(error)}). Publish the model again.`);
  }
}

function readManifest(folder) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ReplayError(`${folder} is not a folder. Give the folder that holds an artifact's manifest.json.`);
  }
  const manifest = readJson(folder, 'manifest.json');
  const { model, input, outputs, golden } = manifest ?? {};
  const names = Array.isArray(outputs) ? outputs.map((output) => output?.name) : [];
  const isWhole =
    model?.topology && Array.isArray(input?.value_range) && names.length > 0 && golden?.input?.shape &&
    names.every((name) => Array.isArray(golden.outputs?.[name]?.shape));
  if (!isWhole) {
    throw new ReplayError(
      `manifest.json of artifact ${folder} lacks one of model.topology, input.value_range, outputs, golden.input and ` +
        'golden.outputs for each output. Publish the model again.',
    );
  }
  return manifest;
}

/** Values of one golden file. Copies, because a typed array needs an aligned start, which a pooled buffer lacks. */
function readGolden(folder, { path, shape, dtype }, expectedDtype) {
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

function readModel(folder, topologyPath) {
  const topology = readJson(folder, topologyPath);
  if (topology?.format !== 'graph-model' || !Array.isArray(topology.weightsManifest)) {
    throw new ReplayError(`${topologyPath} of artifact ${folder} is not a TF.js graph model. Publish the model again.`);
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

function compare(actual, expected) {
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

/** Runs the model once on `input` and returns { name: { shape, values } } with nothing left in the backend's memory. */
async function predict(model, input, names) {
  const result = model.execute(input, names);
  const tensors = Array.isArray(result) ? result : [result];
  try {
    const values = await Promise.all(tensors.map((tensor) => tensor.data()));
    return Object.fromEntries(names.map((name, i) => [name, { shape: tensors[i].shape, values: values[i] }]));
  } finally {
    tensors.forEach((tensor) => tensor.dispose());
  }
}

async function replay(tf, backend, artifacts, inputValues, inputShape, expected) {
  if (!(await tf.setBackend(backend))) throw new ReplayError(`The TensorFlow.js backend '${backend}' does not start here.`);
  const model = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
  const names = Object.keys(expected);
  const tensorsBefore = tf.memory().numTensors;
  const input = tf.tensor(inputValues, inputShape, 'float32');
  const times_ms = [];
  let outputs;
  for (let run = 0; run <= TIMED_RUNS; run++) {
    const start = performance.now();
    outputs = await predict(model, input, names);
    times_ms.push(performance.now() - start);
  }
  input.dispose();
  const leaked_tensors = tf.memory().numTensors - tensorsBefore;
  model.dispose();

  const report = {};
  for (const name of names) {
    const { shape, values } = outputs[name];
    if (String(shape) !== String(expected[name].shape)) {
      throw new ReplayError(
        `Output '${name}' has shape [${shape}] on backend ${backend}; its golden output has [${expected[name].shape}]. ` +
          'Publish the model again.',
      );
    }
    report[name] = { shape, ...compare(values, expected[name].values) };
  }
  const [first, ...later] = times_ms;
  later.sort((a, b) => a - b);
  const round = (ms) => Math.round(ms * 100) / 100;
  return { outputs: report, first_ms: round(first), median_ms: round(later[later.length >> 1]), leaked_tensors };
}

async function main() {
  const { folder, backends } = parseArguments(process.argv.slice(2));
  const { model, input, outputs, golden } = readManifest(folder);
  const [low, high] = input.value_range;
  const inputValues = readGolden(folder, golden.input, 'uint8').map((byte) => (byte / 255) * (high - low) + low);
  const expected = {};
  for (const { name } of outputs) {
    const { shape } = golden.outputs[name];
    expected[name] = { shape, values: readGolden(folder, golden.outputs[name], 'float32') };
  }
  const artifacts = readModel(folder, model.topology);

  const tf = await importTensorflow();
  tf.enableProdMode(); // also keeps TF.js from advertising its Node binding
  const report = { tfjs: tf.version.tfjs, node: process.version, backends: {} };
  for (const backend of backends) {
    try {
      report.backends[backend] = await replay(tf, backend, artifacts, inputValues, golden.input.shape, expected);
    } catch (error) {
      if (error instanceof ReplayError) throw error;
      throw new ReplayError(`TensorFlow.js cannot run artifact ${folder} on backend ${backend}: ${firstLine(error)}`);
    }
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof ReplayError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
