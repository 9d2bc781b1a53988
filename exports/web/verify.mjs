/**
 * Replays an artifact's golden input in TensorFlow.js under Node and reports how far its outputs are from the golden ones.
 *
 *     node verify.mjs ARTIFACT_DIR [--backend wasm] [--backend cpu]
 *
 * Prints one JSON document on stdout. Differences are reported, not judged: the caller owns the tolerances. A difference
 * is null when an output holds a value that is not finite, which JSON cannot write. Exits with 1 and one sentence on
 * stderr when the artifact cannot be replayed at all.
 */
import { statSync } from 'node:fs';

import { ReplayError, compare, firstLine, importTensorflow, readJson, readModel, readTensor } from './files.mjs';

const BACKENDS = ['wasm', 'cpu'];
const TIMED_RUNS = 5;

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
  const inputValues = readTensor(folder, golden.input, 'uint8').map((byte) => (byte / 255) * (high - low) + low);
  const expected = {};
  for (const { name } of outputs) {
    const { shape } = golden.outputs[name];
    expected[name] = { shape, values: readTensor(folder, golden.outputs[name], 'float32') };
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
