/** A published graph model inside TensorFlow.js: loaded from checked bytes, run on one picture at a time. */
import { loadGraphModel, type GraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from './backends.js';
import type { Manifest } from './contract.js';
import type { Outputs } from './decode.js';
import { ZooError, reason } from './errors.js';
import type { Topology } from './topology.js';

export class Network {
  private isDisposed = false;

  private constructor(
    private readonly manifest: Manifest,
    private readonly model: GraphModel,
    /** The back end that the weights were put on. */
    readonly backend: Backend,
  ) {}

  /** Hand topology and weights to TensorFlow.js. Throws ZooError when it does not take them. */
  static async load(manifest: Manifest, topology: Topology, weights: ArrayBuffer, backend: Backend): Promise<Network> {
    const { weightsManifest, ...rest } = topology;
    const weightSpecs = weightsManifest.flatMap((group) => group.weights) as unknown as tf.io.WeightsManifestEntry[];
    let model: GraphModel;
    try {
      model = await loadGraphModel({ load: async () => ({ ...rest, weightSpecs, weightData: weights }) as tf.io.ModelArtifacts });
    } catch (error) {
      throw new ZooError(`TensorFlow.js cannot load ${nameOf(manifest)} (${reason(error)}). Publish it again.`, { cause: error });
    }
    return new Network(manifest, model, backend);
  }

  /** Outputs for one picture at model size, flat, by name. */
  async run(picture: ImageData): Promise<Outputs> {
    if (this.isDisposed) throw new ZooError(`${nameOf(this.manifest)} was disposed of. Load it again.`);
    const tensors = this.execute(picture);
    try {
      const values = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
      return Object.fromEntries(this.manifest.outputs.map(({ name }, i) => [name, values[i]]));
    } finally {
      tf.dispose(tensors);
    }
  }

  private execute(picture: ImageData): tf.Tensor[] {
    const { input, outputs } = this.manifest;
    const [low, high] = input.value_range;
    const names = outputs.map(({ name }) => name);
    return tf.tidy(() => {
      const bytes = tf.cast(tf.browser.fromPixels(picture, input.channels), 'float32');
      const scaled = tf.mul(bytes, (high - low) / 255);
      const image = tf.expandDims(low === 0 ? scaled : tf.add(scaled, low)); // (1, height, width, channels)
      let tensors: tf.Tensor[];
      try {
        tensors = [this.model.execute({ [input.node]: image }, names)].flat();
      } catch (error) {
        throw new ZooError(`${nameOf(this.manifest)} does not run on ${this.backend} (${reason(error)}). Try another backend.`, {
          cause: error,
        });
      }
      tensors.forEach(({ shape }, i) => {
        if (String(shape) !== String([1, ...outputs[i].shape])) {
          throw new ZooError(
            `Output ${names[i]} of ${nameOf(this.manifest)} has shape [${shape}]; its manifest says [1,${outputs[i].shape}].`,
          );
        }
      });
      return tensors;
    });
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.model.dispose();
  }
}

function nameOf({ name, version }: Manifest): string {
  return `Model ${name}@${version}`;
}
