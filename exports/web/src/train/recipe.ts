/** How a network is trained, as in `tuner/training.py`, and what a training tells and leaves. */
import type { Memory } from '../memory.js';
import { number, positive, whole, type Rules } from '../options.js';
import type { Learner } from './learner.js';

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

export const RECIPE_RULES: Rules<Recipe> = {
  batchSize: whole(1),
  learningRate: positive(),
  epochs: whole(1),
  plateauPatience: whole(1),
  plateauFactor: positive(1),
  stopPatience: number(1),
  enough: number(),
  lossFallsTo: number(0),
  seed: whole(0),
};

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
