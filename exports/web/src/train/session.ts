/** Training as a page drives it: all of it happens in a worker of its own, so that the page stays at 60 frames per second. */
import { Line } from '../line.js';
import type { Memory } from '../memory.js';
import { checkOptions } from '../options.js';
import { addressOf, ZOO_RULES, type ZooOptions } from '../zoo.js';
import { checkPreparation } from './preparation.js';
import { RECIPE_RULES } from './recipe.js';
import type { Fit, Overfit, Preparation, Prepared, Recipe, TrainOrder, WorkerEvent } from './messages.js';

export class TrainingSession {
  private constructor(private readonly line: Line<TrainOrder>) {}

  /** Open a store for training. `onEvent` hears of every step, epoch and measurement. */
  static async open(url: string | URL, options: ZooOptions = {}, onEvent: (event: WorkerEvent) => void = () => {}): Promise<TrainingSession> {
    checkOptions('TrainingSession.open', options, ZOO_RULES);
    const store = addressOf(url, 'A store').href;
    const wasmPath = addressOf(options.wasmPath ?? './', 'wasmPath').href;
    const worker = new Worker(new URL('./train_entry.js', import.meta.url), { type: 'module', name: 'pocket-zoo-training' });
    const line = new Line<TrainOrder>(worker, (event) => onEvent(event as WorkerEvent));
    const { onNotice: _, ...sent } = options;
    try {
      await line.ask({ open: store, options: { ...sent, wasmPath } });
    } catch (error) {
      line.close();
      throw error;
    }
    return new TrainingSession(line);
  }

  /** Load data and model; those before are let go. Refused while a training runs. */
  async prepare(preparation: Preparation): Promise<Prepared> {
    return (await this.line.ask({ prepare: checkPreparation(preparation) })) as Prepared;
  }

  /** The batch size that trains most pictures per second here, found by a short measurement that starts at 1. */
  async measureBatchSize(): Promise<number> {
    return (await this.line.ask({ measure: true })) as number;
  }

  /** Whether the model can learn about twenty pictures by heart; its weights stay as they are. */
  async overfitTwenty(): Promise<Overfit> {
    return (await this.line.ask({ overfit: true })) as Overfit;
  }

  /**
   * Train on; resolves at the end, or soon after `stop`. The model is left with the weights of the best epoch. Without a
   * `batchSize`, the fastest is measured first.
   */
  async fit(recipe: Partial<Recipe> = {}): Promise<Fit> {
    checkOptions('fit', recipe, RECIPE_RULES);
    return (await this.line.ask({ fit: recipe })) as Fit;
  }

  async stop(): Promise<void> {
    await this.line.letGo({ stop: true });
  }

  /** The metric on the pictures that are measured on. */
  async score(): Promise<number> {
    return (await this.line.ask({ score: true })) as number;
  }

  /** Keep the model in IndexedDB; returns the address under which TensorFlow.js finds it. */
  async save(): Promise<string> {
    return (await this.line.ask({ save: true })) as string;
  }

  /** The files of a download, by name, for `zoo import`. */
  async download(): Promise<Record<'model.json' | 'model.weights.bin', Blob>> {
    return (await this.line.ask({ download: true })) as Record<'model.json' | 'model.weights.bin', Blob>;
  }

  /** What TensorFlow.js holds in the worker. */
  async memory(): Promise<Memory> {
    return (await this.line.ask({ memory: true })) as Memory;
  }

  /** Let model and data go. */
  async release(): Promise<void> {
    await this.line.letGo({ release: true });
  }

  /** End the worker. */
  dispose(): void {
    this.line.close();
  }
}
