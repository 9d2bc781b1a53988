/**
 * The training recipe in the page, as in `tuner/training.py`: Adam, a rate that falls on a plateau, an early stop,
 * shuffling, best weights kept. Between two steps other work of the page has its turn.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Outputs } from '../decode.js';
import { ZooError } from '../errors.js';
import { memory, type Memory } from '../memory.js';
import type { Example } from './examples.js';
import type { Learner } from './learner.js';
import { breathe, shuffled, type Random } from './order.js';
import type { Trainable } from './trainable.js';

export interface Recipe {
  batchSize: number;
  learningRate: number;
  epochs: number;
  /** The rate is multiplied by `plateauFactor` when the loss has not fallen for `plateauPatience` epochs. */
  plateauPatience: number;
  plateauFactor: number;
  /** Training ends after so many epochs without a better score, */
  stopPatience: number;
  /** or once the score reaches this, */
  enough: number;
  /** or the loss this share of the first epoch's. */
  lossFallsTo: number;
  seed: number;
}

export const RECIPE: Omit<Recipe, 'batchSize'> = {
  learningRate: 0.001,
  epochs: 30,
  plateauPatience: 2,
  plateauFactor: 0.5,
  stopPatience: 6,
  enough: Infinity,
  lossFallsTo: 0,
  seed: 0,
};
const PLATEAU_MIN_DELTA = 1e-3;
/** A loss that grew by this factor since the first epoch does not come back. */
const EXPLODED = 1e4;
const PREDICT_BATCH = 16;

/** A network that cannot learn as many by heart will not learn more. */
const OVERFIT = { pictures: 20, batchSize: 5, learningRate: 3e-3, epochs: 150, plateauPatience: 25, enough: 0.9, lossFallsTo: 0.5 };

const LARGEST_BATCH = 32;
const LONGEST_STEP_MS = 1_500;
const STEPS_MEASURED = 3;
/** A larger batch has to be faster by this factor, since it takes fewer steps per epoch. */
const WORTH_IT = 1.1;

export interface Epoch {
  epoch: number;
  loss: number;
  score: number;
  learningRate: number;
  isBest: boolean;
}

export interface Fit {
  metric: Learner['metric'];
  bestScore: number;
  bestEpoch: number;
  history: Epoch[];
  recipe: Recipe;
  /** Why it ended. */
  ending: 'epochs' | 'stopped' | 'early' | 'enough';
}

export interface Overfit {
  hasLearned: boolean;
  pictures: number;
  history: Epoch[];
}

export type TrainingEvent =
  | { kind: 'batch-size'; batchSize: number; picturesPerSecond: number }
  | { kind: 'step'; phase: 'overfit' | 'fit'; step: number; loss: number; memory: Memory }
  | { kind: 'epoch'; phase: 'overfit' | 'fit'; epoch: Epoch };

type Listener = (event: TrainingEvent) => void;

export class Trainer {
  /** Steps and saves take turns, so that what is saved is of one moment. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly trainable: Trainable,
    private readonly learner: Learner,
    private readonly train: readonly Example[],
    private readonly val: readonly Example[],
    private readonly listen: Listener = () => {},
  ) {}

  /** Do something between two steps. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work, work);
    this.turn = done;
    return done;
  }

  /** Time steps of 1, 2, 4, ... pictures and return the size that trains most pictures per second. Weights stay. */
  async measureBatchSize(): Promise<number> {
    const before = await this.trainable.snapshot();
    let [best, fastest] = [1, 0];
    try {
      for (let size = 1; size <= Math.min(LARGEST_BATCH, this.train.length); size *= 2) {
        const batch = this.train.slice(0, size);
        const times: number[] = [];
        for (let i = 0; i < STEPS_MEASURED; i++) {
          const start = performance.now();
          await this.slopes(batch);
          times.push(performance.now() - start);
          await breathe();
        }
        const milliseconds = Math.min(...times); // the first one compiles
        const picturesPerSecond = (1000 * size) / milliseconds;
        this.listen({ kind: 'batch-size', batchSize: size, picturesPerSecond });
        if (picturesPerSecond > fastest * WORTH_IT) [best, fastest] = [size, picturesPerSecond];
        else break;
        if (milliseconds > LONGEST_STEP_MS) break;
      }
    } finally {
      this.trainable.restore(before);
    }
    return best;
  }

  /** Learn about twenty pictures by heart until the loss has halved, and put the weights back. */
  async overfitTwenty(signal?: AbortSignal): Promise<Overfit> {
    const before = await this.trainable.snapshot();
    const labelled = this.train.filter(({ labels }) => labels === undefined || labels.boxes.length > 0);
    const step = Math.max(1, labelled.length / OVERFIT.pictures);
    const chosen = Array.from({ length: Math.min(OVERFIT.pictures, labelled.length) }, (_, i) => labelled[Math.floor(i * step)]);
    const { pictures: _, ...recipe } = OVERFIT;
    try {
      const fit = await this.run({ ...RECIPE, ...recipe, stopPatience: Infinity }, chosen, chosen, 'overfit', signal);
      const losses = fit.history.map(({ loss }) => loss);
      const hasLearned = fit.bestScore >= OVERFIT.enough || Math.min(...losses) <= OVERFIT.lossFallsTo * losses[0];
      return { hasLearned, pictures: chosen.length, history: fit.history };
    } finally {
      this.trainable.restore(before);
    }
  }

  /** Train; the network is left with the weights of the best epoch. Throws ZooError when the loss explodes. */
  fit(recipe: Partial<Recipe> & { batchSize: number }, signal?: AbortSignal): Promise<Fit> {
    return this.run({ ...RECIPE, ...recipe }, this.train, this.val, 'fit', signal);
  }

  private async run(recipe: Recipe, train: readonly Example[], val: readonly Example[], phase: 'overfit' | 'fit', signal?: AbortSignal): Promise<Fit> {
    const { metric } = this.learner;
    const optimizer = tf.train.adam(recipe.learningRate);
    const random = { state: recipe.seed + 1 };
    const fit: Fit = { metric, bestScore: -Infinity, bestEpoch: 0, history: [], recipe, ending: 'epochs' };
    let bestWeights: Float32Array[] | undefined;
    let [lowest, waited, sinceBest, steps] = [Infinity, 0, 0, 0];
    let { learningRate } = recipe;
    try {
      for (let epoch = 1; epoch <= recipe.epochs && fit.ending === 'epochs'; epoch++) {
        const loss = await this.epoch(train, recipe, optimizer, random, signal, (value) =>
          this.listen({ kind: 'step', phase, step: ++steps, loss: value, memory: memory() }),
        );
        if (loss === undefined) {
          fit.ending = 'stopped';
          break;
        }
        this.check(loss, fit.history[0]?.loss ?? loss, epoch);
        const score = await this.exclusively(() => this.score(val));
        const isBest = score > fit.bestScore;
        if (isBest) {
          [fit.bestScore, fit.bestEpoch, sinceBest] = [score, epoch, 0];
          bestWeights = await this.trainable.snapshot();
        } else sinceBest++;
        fit.history.push({ epoch, loss, score, learningRate, isBest });
        this.listen({ kind: 'epoch', phase, epoch: fit.history.at(-1)! });
        if (loss < lowest - PLATEAU_MIN_DELTA) [lowest, waited] = [loss, 0];
        else if (++waited >= recipe.plateauPatience) {
          learningRate *= recipe.plateauFactor;
          (optimizer as unknown as { learningRate: number }).learningRate = learningRate; // keeps the moments
          waited = 0;
        }
        if (sinceBest >= recipe.stopPatience) fit.ending = 'early';
        if (score >= recipe.enough || loss <= recipe.lossFallsTo * fit.history[0].loss) fit.ending = 'enough';
      }
      if (bestWeights !== undefined) this.trainable.restore(bestWeights);
      return fit;
    } finally {
      optimizer.dispose();
    }
  }

  /** One pass in a new order; the mean loss, or undefined when it was stopped. */
  private async epoch(
    train: readonly Example[],
    { batchSize }: Recipe,
    optimizer: tf.Optimizer,
    random: Random,
    signal: AbortSignal | undefined,
    onStep: (loss: number) => void,
  ): Promise<number | undefined> {
    let sum = 0;
    const order = shuffled(train, random);
    for (let start = 0; start < order.length; start += batchSize) {
      if (signal?.aborted) return undefined;
      const batch = order.slice(start, start + batchSize);
      const loss = await this.exclusively(() => this.step(batch, optimizer));
      sum += loss * batch.length;
      onStep(loss);
      await breathe();
    }
    return sum / order.length;
  }

  private async step(batch: readonly Example[], optimizer: tf.Optimizer): Promise<number> {
    return this.withBatch(batch, (images, targets) =>
      optimizer.minimize(() => this.learner.loss(targets, this.trainable.run(images, true)), true, this.trainable.variables())!,
    );
  }

  /** A step's work without its effect. */
  private async slopes(batch: readonly Example[]): Promise<number> {
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

  private check(loss: number, first: number, epoch: number): void {
    if (Number.isFinite(loss) && loss <= EXPLODED * Math.max(Math.abs(first), 1)) return;
    throw new ZooError(`The loss went from ${first.toPrecision(3)} to ${loss} by epoch ${epoch}. Start again with a lower learning rate.`);
  }

  dispose(): void {
    this.learner.dispose();
  }
}
