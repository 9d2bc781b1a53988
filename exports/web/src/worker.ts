/**
 * The same models in a Web Worker: the page keeps its 60 frames per second while they compute. A call copies the
 * picture into an ImageBitmap and hands that over; the worker opens the store, checks and keeps files by itself.
 */
import type { Entry, Query, Reference } from './catalog.js';
import type { Classification } from './classifier.js';
import type { Manifest, Point } from './contract.js';
import type { Detection, DetectOptions } from './detector.js';
import type { Memory } from './memory.js';
import { checkOptions } from './options.js';
import { sourceSize, type Source } from './source.js';
import { addressOf, openZoo, type Zoo, type ZooOptions } from './zoo.js';
import { Line } from './line.js';
import type { Loaded, Order } from './worker_messages.js';

/** A model that computes in the worker. Of its calls, those are good that its `kind` has. */
export interface WorkerModel {
  readonly kind: Loaded['kind'];
  readonly name: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly backend: string;
  detect(source: Source, options?: DetectOptions): Promise<Detection[]>;
  embed(source: Source, landmarks?: Record<string, Point>): Promise<Float32Array>;
  classify(source: Source, options?: Record<string, never>): Promise<Classification[]>;
  /** Let the model go. Good at any time: where the worker has ended, so have its models. */
  dispose(): Promise<void>;
}

export interface WorkerZoo {
  readonly entries: readonly Entry[];
  find(query?: Query): Entry[];
  /** As `Zoo.load`. */
  load(reference: Reference, options?: Record<string, never>): Promise<WorkerModel>;
  /** What TensorFlow.js holds in the worker. */
  memory(): Promise<Memory>;
  /** End the worker and all its models. */
  dispose(): void;
}

/** Open a store in a worker of its own. `onNotice` stays in the page. */
export async function createWorkerZoo(url: string | URL, options: ZooOptions = {}): Promise<WorkerZoo> {
  const zoo = await openZoo(url, options);
  const worker = new Worker(new URL('./worker_entry.js', import.meta.url), { type: 'module', name: 'pocket-zoo' });
  const line = new Line<Order>(worker);
  const { onNotice, ...sent } = options;
  const wasmPath = addressOf(options.wasmPath ?? './', 'wasmPath').href;
  try {
    await line.ask({ open: addressOf(url, 'A store').href, options: { ...sent, wasmPath } });
  } catch (error) {
    line.close();
    zoo.dispose();
    throw error;
  }
  return {
    entries: zoo.entries,
    find: (query) => zoo.find(query),
    load: async (reference, given = {}) => {
      checkOptions('load', given, {});
      return workerModel(line, (await line.ask({ load: reference })) as Loaded, zoo);
    },
    memory: async () => (await line.ask({ memory: true })) as Memory,
    dispose: () => {
      line.close();
      zoo.dispose();
    },
  };
}

async function workerModel(line: Line<Order>, loaded: Loaded, zoo: Zoo): Promise<WorkerModel> {
  const { id, kind, reference, backend } = loaded;
  const manifest = await zoo.manifest(zoo.resolve(reference));
  const call = async (method: 'detect' | 'embed' | 'classify', source: Source, argument?: unknown) => {
    sourceSize(source);
    const picture = await createImageBitmap(source);
    return line.ask({ call: method, id, picture, argument }, [picture]);
  };
  return {
    kind,
    backend,
    manifest,
    name: manifest.name,
    version: manifest.version,
    detect: async (source, options) => (await call('detect', source, options)) as Detection[],
    embed: async (source, landmarks) => (await call('embed', source, landmarks)) as Float32Array,
    classify: async (source, options) => (await call('classify', source, options)) as Classification[],
    dispose: () => line.letGo({ dispose: id }),
  };
}
