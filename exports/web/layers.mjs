/**
 * Runs TF.js layers models under Node: what they answer, and what one step of an optimizer does to them.
 *
 *     node layers.mjs < jobs.json
 *
 * The document on stdin is { jobs: [{ folder, backend, input, expected, step }] }, so that one process serves many
 * models. `folder` holds model.json and its shards; `input` and each of `expected`, the outputs in the model's order,
 * are { folder, path, shape } of raw float32 numbers. `step`, if given, is { optimizer: 'sgd' or 'adam', learning_rate,
 * save }: one step on the mean square distance of all outputs from `expected`, with normalisation by the batch; `save`
 * names a folder to write the trained model into, as a page's download does.
 *
 * Prints one JSON document on stdout. Differences are reported, not judged. Exits with 1 and one sentence on stderr when
 * a model cannot be run at all.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ReplayError, compare, firstLine, importTensorflow, readModel, readTensor } from './files.mjs';

const asList = (value) => (Array.isArray(value) ? value : [value]);

function read(tf, { folder, path, shape }) {
  return tf.tensor(readTensor(folder, { path, shape, dtype: 'float32' }, 'float32'), shape, 'float32');
}

async function compareOutputs(model, input, expected) {
  const outputs = asList(model.predict(input, { batchSize: input.shape[0] }));
  if (outputs.length !== expected.length) {
    throw new ReplayError(`The model gives ${outputs.length} outputs; ${expected.length} are expected.`);
  }
  const report = [];
  for (const [i, output] of outputs.entries()) {
    if (String(output.shape) !== String(expected[i].shape)) {
      throw new ReplayError(`Output ${i} has shape [${output.shape}]; [${expected[i].shape}] is expected.`);
    }
    report.push({ shape: output.shape, ...compare(await output.data(), await expected[i].data()) });
    output.dispose();
  }
  return report;
}

/** Mean over the outputs of the mean square distance from their targets, with normalisation by the batch. */
function trainingLoss(tf, model, input, targets) {
  const outputs = asList(model.apply(input, { training: true }));
  return tf.addN(outputs.map((output, i) => tf.losses.meanSquaredError(targets[i], output))).div(outputs.length);
}

async function takeStep(tf, model, input, targets, { optimizer: kind, learning_rate, save }) {
  const optimizer = tf.train[kind](learning_rate);
  const variables = model.trainableWeights.map((weight) => weight.read());
  const before = optimizer.minimize(() => trainingLoss(tf, model, input, targets), true, variables);
  const after = tf.tidy(() => trainingLoss(tf, model, input, targets));
  const report = { loss_before: (await before.data())[0], loss_after: (await after.data())[0] };
  tf.dispose([before, after]);
  optimizer.dispose();
  if (save) await model.save(tf.io.withSaveHandler(async (artifacts) => download(artifacts, save)));
  return report;
}

/** Writes the two files that `model.save('downloads://model')` gives in a page. */
function download({ weightData, weightSpecs, ...document }, folder) {
  mkdirSync(folder, { recursive: true });
  const weightsManifest = [{ paths: ['./model.weights.bin'], weights: weightSpecs }];
  writeFileSync(join(folder, 'model.json'), JSON.stringify({ ...document, weightsManifest }));
  writeFileSync(join(folder, 'model.weights.bin'), new Uint8Array(weightData));
  return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
}

async function run(tf, { folder, backend, input, expected, step }) {
  if (!(await tf.setBackend(backend))) throw new ReplayError(`The TensorFlow.js backend '${backend}' does not start here.`);
  const model = await tf.loadLayersModel(tf.io.fromMemory(readModel(folder, 'model.json', 'layers-model')));
  const values = read(tf, input);
  const targets = expected.map((entry) => read(tf, entry));
  const report = { outputs: await compareOutputs(model, values, targets) };
  if (step) report.step = await takeStep(tf, model, values, targets, step);
  tf.dispose([values, targets]);
  model.dispose();
  return report;
}

async function main() {
  const { jobs } = JSON.parse(readFileSync(0, 'utf8'));
  const tf = await importTensorflow();
  tf.enableProdMode();
  const report = { tfjs: tf.version.tfjs, jobs: [] };
  for (const job of jobs) {
    try {
      report.jobs.push(await run(tf, job));
    } catch (error) {
      if (error instanceof ReplayError) throw error;
      throw new ReplayError(`TensorFlow.js cannot run the layers model ${job.folder} on ${job.backend}: ${firstLine(error)}`);
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
