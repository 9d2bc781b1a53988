/** The worker's side of `session.ts`: holds one model and its data, and trains. */
import { NO_CACHE, openCache } from '../cache.js';
import { ZooError } from '../errors.js';
import { Files } from '../files.js';
import { answerOrders } from '../line.js';
import { memory } from '../memory.js';
import { openZoo, type Zoo, type ZooOptions } from '../zoo.js';
import { placeExamples, relabelled, unknownLandmarks, type Examples } from './examples.js';
import { learnerFor } from './learner.js';
import type { DataSource, NumberedTrainOrder, Preparation, Prepared, WorkerEvent } from './messages.js';
import { decode, openChosenPack, openPack, type LabelledData } from './pack.js';
import { Trainable, type Trained } from './trainable.js';
import { Trainer } from './trainer.js';

interface Work {
  trainable: Trainable;
  trainer: Trainer;
  examples: Examples;
  trained: Trained;
  seed: number;
}

let zoo: Zoo | undefined;
let options: ZooOptions = {};
let files: Files | undefined;
let work: Work | undefined;
let running: AbortController | undefined;

const tell = (event: WorkerEvent) => self.postMessage({ event });
const notice = (sentence: string) => tell({ kind: 'notice', sentence });

async function open(url: string, chosen: ZooOptions): Promise<void> {
  options = { ...chosen, onNotice: notice };
  zoo = await openZoo(url, options);
  const cache = chosen.cache === false ? NO_CACHE : await openCache().catch(() => NO_CACHE); // the store has told already
  files = new Files(cache, notice);
}

async function readData(source: DataSource): Promise<LabelledData> {
  if ('pack' in source) return openPack(new URL(source.pack), files!);
  if ('files' in source) return openChosenPack([...source.files]);
  const pictures = source.pictures.map(({ picture, name, ...labels }) => ({
    ...labels,
    split: 'train' as const,
    open: () => decode(picture, `'${name}'`),
  }));
  return { name: 'your pictures', task: source.task, labels: source.labels, keypoints: [], pictures };
}

async function prepare({ reference, start, data: source, seed = 0 }: Preparation): Promise<Prepared> {
  release();
  const data = await readData(source);
  const manifest = await zoo!.manifest(zoo!.resolve(reference));
  const placed = await placeExamples(data, manifest, (done) => tell({ kind: 'picture', done }));
  const { backends, wasmPath } = options;
  const trainable = await Trainable.load(zoo!, reference, { start, labels: data.labels, seed, backends, wasmPath: wasmPath?.toString() });
  const examples = relabelled(placed, data.labels, trainable.labels);
  const learner = learnerFor(manifest, trainable.entry, trainable.labels.length);
  const trainer = new Trainer(trainable, learner, examples.train, examples.val, tell);
  const trained = { batch_size: 0, learning_rate: 0, epochs: 0, pictures: examples.train.length };
  work = { trainable, trainer, examples, trained, seed };
  return {
    name: manifest.name,
    labels: [...trainable.labels],
    backend: trainable.backend,
    parameters: trainable.parameters,
    metric: learner.metric,
    pictures: { train: examples.train.length, val: examples.val.length },
    isMeasuredOnTraining: examples.isMeasuredOnTraining,
    startedAnew: [...trainable.startedAnew],
    unknownLandmarks: manifest.decode.kind === 'grid' ? unknownLandmarks(data, manifest.decode) : [],
  };
}

function release(): void {
  if (running !== undefined) throw new ZooError('A training is running. Stop it first.');
  work?.trainer.dispose();
  work?.trainable.dispose();
  work = undefined;
}

function current(): Work {
  if (work === undefined) throw new ZooError('Nothing is loaded yet. Choose a model and data first.');
  return work;
}

/** One run at a time, which 'stop' ends. */
async function alone<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (running !== undefined) throw new ZooError('A training is running. Stop it first.');
  running = new AbortController();
  try {
    return await run(running.signal);
  } finally {
    running = undefined;
  }
}

async function follow(order: NumberedTrainOrder): Promise<unknown> {
  if ('open' in order) return open(order.open, order.options);
  if ('prepare' in order) return prepare(order.prepare);
  if ('stop' in order) return running?.abort();
  if ('memory' in order) return memory();
  if ('release' in order) return release();
  const { trainable, trainer, examples, trained, seed } = current();
  if ('measure' in order) return alone(() => trainer.measureBatchSize());
  if ('overfit' in order) return alone((signal) => trainer.overfitTwenty(signal));
  if ('score' in order) return trainer.exclusively(() => trainer.score(examples.val));
  if ('save' in order) return trainer.exclusively(() => trainable.save(trained));
  if ('download' in order) return trainer.exclusively(() => trainable.files(trained));
  const fit = await alone(async (signal) => {
    const batchSize = order.fit.batchSize ?? (await trainer.measureBatchSize());
    return trainer.fit({ seed, ...order.fit, batchSize }, signal);
  });
  trained.batch_size = fit.recipe.batchSize;
  trained.learning_rate = fit.recipe.learningRate;
  trained.epochs += fit.bestEpoch;
  return fit;
}

answerOrders(follow);
