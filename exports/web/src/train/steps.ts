/** Single steps of a network on batches of pictures: training, timing, answering. All that is made is disposed of. */
import * as tf from '@tensorflow/tfjs-core';
import type { Outputs } from '../decode.js';
import type { Example } from './examples.js';
import type { Learner } from './learner.js';
import { breathe } from './order.js';
import type { Trainable } from './trainable.js';

const PREDICT_BATCH = 16;

export class Steps {
  constructor(
    private readonly trainable: Trainable,
    private readonly learner: Learner,
  ) {}

  /** One step of the optimizer; returns the loss before it. */
  async step(batch: readonly Example[], optimizer: tf.Optimizer): Promise<number> {
    return this.withBatch(batch, (images, targets) =>
      optimizer.minimize(() => this.learner.loss(targets, this.trainable.run(images, true)), true, this.trainable.variables())!,
    );
  }

  /** A step's work without its effect. */
  async slopes(batch: readonly Example[]): Promise<number> {
    return this.withBatch(batch, (images, targets) => {
      const { value, grads } = tf.variableGrads(() => this.learner.loss(targets, this.trainable.run(images, true)), this.trainable.variables());
      tf.dispose(grads);
      return value;
    });
  }

  private async withBatch(batch: readonly Example[], work: (images: tf.Tensor4D, targets: tf.TensorContainerObject) => tf.Scalar): Promise<number> {
    const images = this.images(batch);
    const targets = this.learner.targets(batch);
    const loss = work(images, targets);
    try {
      return (await loss.data())[0];
    } finally {
      tf.dispose([images, loss]);
      tf.dispose(targets);
    }
  }

  private images(batch: readonly Example[]): tf.Tensor4D {
    const { height, width, channels, value_range } = this.trainable.manifest.input;
    const [low, high] = value_range;
    const size = height * width * channels;
    const values = new Float32Array(batch.length * size);
    batch.forEach(({ pixels }, i) => {
      for (let k = 0, at = i * size; k < size; k++) values[at++] = (pixels[k] / 255) * (high - low) + low;
    });
    return tf.tensor4d(values, [batch.length, height, width, channels]);
  }

  /** The metric on pictures, as the network is now. */
  async score(examples: readonly Example[]): Promise<number> {
    const outputs: Outputs[] = [];
    for (let start = 0; start < examples.length; start += PREDICT_BATCH) {
      outputs.push(...(await this.outputs(examples.slice(start, start + PREDICT_BATCH))));
      await breathe();
    }
    return this.learner.score(examples, outputs);
  }

  private async outputs(batch: readonly Example[]): Promise<Outputs[]> {
    const named = tf.tidy(() => this.trainable.run(this.images(batch), false));
    const names = Object.keys(named);
    try {
      const values = await Promise.all(names.map((name) => named[name].data<'float32'>()));
      return batch.map((_, row) =>
        Object.fromEntries(names.map((name, i) => {
          const length = values[i].length / batch.length;
          return [name, values[i].subarray(row * length, (row + 1) * length)];
        })),
      );
    } finally {
      tf.dispose(named);
    }
  }
}
