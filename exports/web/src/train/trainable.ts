/** The layers model of an artifact inside TensorFlow.js: loaded with its weights or with fresh ones, trained, saved. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { models, type LayersModel } from '@tensorflow/tfjs-layers';
import { startBackend } from '../backend.js';
import { BACKENDS, type Backend } from '../backends.js';
import type { Reference } from '../catalog.js';
import type { Manifest } from '../contract.js';
import { ZooError, reason } from '../errors.js';
import { parseTopology, weightBytes } from '../topology.js';
import type { Zoo } from '../zoo.js';
import { readTrainable, type TrainableEntry } from './contract.js';
import { forLabels, seeded, type LayersTopology } from './head.js';
import { hastenWasm, registerWasmGradients } from './kernels.js';
import type { Named } from './losses.js';
import type { Start } from './starts.js';

/** Kernels that a back end must have to train convolutions; the other gradients follow from what networks run on. */
const NEEDED = ['Conv2DBackpropFilter', 'DepthwiseConv2dNativeBackpropFilter', 'DepthwiseConv2dNativeBackpropInput'];
const METADATA_KEY = 'pocket_zoo';
const MAX_SEED = 2 ** 31;

export interface TrainableOptions {
  start: Start;
  /** What the data have; where the model has others, its last layers start anew for them. */
  labels?: readonly string[];
  seed?: number;
  backends?: readonly Backend[];
  wasmPath?: string;
}

/** What a page tells of its training, kept in the saved file for `zoo import`. */
export interface Trained {
  batch_size: number;
  learning_rate: number;
  epochs: number;
  pictures: number;
}

interface About {
  labels?: string[];
  options?: Record<string, unknown>;
  [fact: string]: unknown;
}

export class Trainable {
  private about: About;

  private constructor(
    readonly manifest: Manifest,
    readonly entry: TrainableEntry,
    readonly labels: readonly string[],
    readonly model: LayersModel,
    readonly backend: Backend,
    /** Weights that were not taken over, since they are of other labels. */
    readonly startedAnew: readonly string[],
    about: About,
  ) {
    this.about = about;
  }

  /** Load 'name@version' of a store, every hash checked. Throws ZooError for a model that pages cannot train. */
  static async load(zoo: Zoo, reference: Reference, options: TrainableOptions): Promise<Trainable> {
    const catalogued = zoo.resolve(reference);
    const manifest = await zoo.manifest(catalogued);
    const entry = readTrainable(manifest);
    const document = `${catalogued.path}/${entry.topology}`;
    const folder = entry.topology.split('/').slice(0, -1).map((part) => `${part}/`).join('');
    const topology = parseTopology(await zoo.file(catalogued, manifest, entry.topology), document);
    registerWasmGradients();
    const backend = await startBackend(options.backends ?? BACKENDS, options.wasmPath ?? './', NEEDED);
    hastenWasm();
    const published = ((topology.userDefinedMetadata as Record<string, About> | undefined)?.[METADATA_KEY] ?? {}) as About;
    const saved = options.start === 'saved' ? await readSaved(manifest) : undefined;
    const known = saved?.labels ?? manifest.labels;
    const wanted = options.labels ?? known;
    const fits = wanted.length <= known.length && wanted.every((label) => known.includes(label));
    const labels = fits && (options.start !== 'fresh' || wanted.length === known.length) ? known : wanted;
    const layers = topology.modelTopology as unknown as LayersTopology;
    const headed = String(labels) === String(manifest.labels) ? layers : forLabels(layers, entry.outputs, labels.length, document);
    let model: LayersModel;
    try {
      model = await models.modelFromJSON({ modelTopology: seeded(headed, (options.seed ?? 0) % MAX_SEED) as never });
    } catch (error) {
      throw new ZooError(`TensorFlow.js cannot build the layers of ${document} (${reason(error)}). Publish it again.`, { cause: error });
    }
    let startedAnew: string[] = [];
    try {
      if (saved) startedAnew = assign(model, saved.weights);
      if (options.start === 'published') {
        const specs = topology.weightsManifest.flatMap((group) => group.weights) as unknown as tf.io.WeightsManifestEntry[];
        const paths = topology.weightsManifest.flatMap((group) => group.paths);
        const shards = await Promise.all(paths.map((path) => zoo.file(catalogued, manifest, folder + path)));
        const bytes = new Uint8Array(await new Blob(shards).arrayBuffer());
        const expected = weightBytes(topology, document);
        if (bytes.length !== expected) {
          throw new ZooError(`The weights of ${document} have ${bytes.length} bytes; it tells of ${expected}. Publish again.`);
        }
        startedAnew = assign(model, tf.io.decodeWeights(bytes.buffer, specs));
      }
    } catch (error) {
      model.dispose();
      throw error;
    }
    const isOther = labels.length !== manifest.labels.length;
    const about = { ...published, labels: [...labels], options: { ...published.options, ...(isOther ? { num_classes: labels.length } : {}) } };
    return new Trainable(manifest, entry, labels, model, backend, startedAnew, about);
  }

  get parameters(): number {
    return this.model.countParams();
  }

  /** What the optimizer moves. */
  variables(): tf.Variable[] {
    return this.model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  }

  /** Outputs by name for pictures (B, height, width, channels); call inside a tidy. `isTraining` normalises by the batch. */
  run(images: tf.Tensor4D, isTraining: boolean): Named {
    const outputs = [this.model.apply(images, { training: isTraining }) as tf.Tensor | tf.Tensor[]].flat();
    return Object.fromEntries(this.entry.outputs.map((name, i) => [name, outputs[i]]));
  }

  /** All weights as they are now; waits for what is still being computed. */
  snapshot(): Promise<Float32Array[]> {
    return Promise.all(this.model.weights.map((weight) => weight.read().data<'float32'>()));
  }

  restore(values: readonly Float32Array[]): void {
    this.model.weights.forEach((weight, i) => {
      const tensor = tf.tensor(values[i], weight.shape as number[]);
      weight.write(tensor);
      tensor.dispose();
    });
  }

  /** Keep the model in this browser's IndexedDB, where the start 'saved' finds it; TensorFlow.js loads it from there, too. */
  async save(trained: Trained): Promise<string> {
    const address = savedAddress(this.manifest);
    await this.write(trained, address);
    return address;
  }

  /** The two files of a download, which `zoo import` takes back. */
  async files(trained: Trained): Promise<{ 'model.json': Blob; 'model.weights.bin': Blob }> {
    let found: tf.io.ModelArtifacts | undefined;
    await this.write(trained, tf.io.withSaveHandler(async (artifacts) => {
      found = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }));
    const { weightData, weightSpecs, ...document } = found!;
    const weightsManifest = [{ paths: ['./model.weights.bin'], weights: weightSpecs }];
    return {
      'model.json': new Blob([JSON.stringify({ ...document, weightsManifest })], { type: 'application/json' }),
      'model.weights.bin': new Blob([weightData as ArrayBuffer], { type: 'application/octet-stream' }),
    };
  }

  private async write(trained: Trained, target: string | tf.io.IOHandler): Promise<void> {
    await this.snapshot(); // a save reads each weight at its own time; nothing may be pending then
    this.model.setUserDefinedMetadata({ [METADATA_KEY]: { ...this.about, trained } });
    try {
      await this.model.save(target);
    } catch (error) {
      throw new ZooError(`The model cannot be saved (${reason(error)}). Free some of this browser's storage, or download it.`, {
        cause: error,
      });
    }
  }

  dispose(): void {
    this.model.dispose();
  }
}

/** Give a model those weights that fit it by name and shape; returns the names of its others. Disposes of all given. */
function assign(model: LayersModel, weights: tf.NamedTensorMap): string[] {
  const missing: string[] = [];
  for (const weight of model.weights) {
    const found = weights[weight.originalName];
    if (found !== undefined && String(found.shape) === String(weight.shape)) weight.write(found);
    else missing.push(weight.originalName);
  }
  tf.dispose(weights);
  if (missing.length * 2 > model.weights.length) {
    throw new ZooError(`Of ${model.weights.length} weights, ${missing.length} are missing, '${missing[0]}' first. Publish again.`);
  }
  return missing;
}

function savedAddress({ name }: Manifest): string {
  return `indexeddb://pocket-zoo/${name}`;
}

async function readSaved(manifest: Manifest): Promise<{ labels?: string[]; weights: tf.NamedTensorMap }> {
  const [handler] = tf.io.getLoadHandlers(savedAddress(manifest));
  let artifacts: tf.io.ModelArtifacts;
  try {
    artifacts = await handler.load!();
  } catch (error) {
    throw new ZooError(`This browser holds no ${manifest.name} that was saved (${reason(error)}). Start otherwise.`, { cause: error });
  }
  const about = artifacts.userDefinedMetadata as Record<string, About> | undefined;
  const weights = tf.io.decodeWeights(artifacts.weightData as ArrayBuffer, artifacts.weightSpecs!);
  return { labels: about?.[METADATA_KEY]?.labels, weights };
}
