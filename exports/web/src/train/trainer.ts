/**
 * The training recipe in the page, as in `tuner/training.py`: Adam, a rate that falls on a plateau, an early stop,
 * shuffling, best weights kept. Between two steps other work of the page has its turn.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ZooError } from '../errors.js';
import { memory } from '../memory.js';
import { measureBatchSize } from './batch_size.js';
import type { Example } from './examples.js';
import type { Learner } from './learner.js';
import { breathe, shuffled, type Random } from './order.js';
import { RECIPE, type Fit, type Overfit, type Recipe, type TrainingEvent } from './recipe.js';
import { Steps } from './steps.js';
import type { Trainable } from './trainable.js';

const PLATEAU_MIN_DELTA = 1e-3;
/** A loss that grew by this factor since the first epoch does not come back. */
const EXPLODED = 1e4;

/** A network that cannot learn as many by heart will not learn more. */
const OVERFIT = { pictures: 20, batchSize: 5, learningRate: 3e-3, epochs: 150, plateauPatience: 25, enough: 0.9, lossFallsTo: 0.5 };

export class Trainer {
  /** Steps and saves take turns, so that what is saved is of one moment. */
  private turn: Promise<unknown> = Promise.resolve();
  private readonly steps: Steps;

  constructor(
    private readonly trainable: Trainable,
    private readonly learner: Learner,
    private readonly train: readonly Example[],
    private readonly val: readonly Example[],
    private readonly listen: (event: TrainingEvent) => void = () => {},
  ) {
    this.steps = new Steps(trainable, learner);
  }

  /** Do something between two steps. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work, work);
    this.turn = done;
    return done;
  }

  /** The batch size that trains most pictures per second here, found by trying 1, 2, 4, ... */
  measureBatchSize(): Promise<number> {
    return measureBatchSize(this.trainable, this.steps, this.train, (batchSize, picturesPerSecond) =>
      this.listen({ kind: 'batch-size', batchSize, picturesPerSecond }),
    );
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
      return fit;
    } finally {
      if (bestWeights !== undefined) this.trainable.restore(bestWeights);
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
      const loss = await this.exclusively(() => this.steps.step(batch, optimizer));
      sum += loss * batch.length;
      onStep(loss);
      await breathe();
    }
    return sum / order.length;
  }

  /** The metric on pictures, as the network is now. */
  score(examples: readonly Example[]): Promise<number> {
    return this.steps.score(examples);
  }

  private check(loss: number, first: number, epoch: number): void {
    if (Number.isFinite(loss) && loss <= EXPLODED * Math.max(Math.abs(first), 1)) return;
    throw new ZooError(`The loss went from ${first.toPrecision(3)} to ${loss} by epoch ${epoch}. Start again with a lower learning rate.`);
  }

  dispose(): void {
    this.learner.dispose();
  }
}
