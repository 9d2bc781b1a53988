/** A store of published models, as a page sees it: what there is, and loading it. */
import { BACKENDS, checkBackends, type Backend } from './backends.js';
import { NO_CACHE, openCache } from './cache.js';
import { findEntries, parseCatalog, resolve, type Catalog, type Entry, type Query, type Reference } from './catalog.js';
import type { Classifier } from './classifier.js';
import type { FileRecord, Manifest } from './contract.js';
import type { Detector } from './detector.js';
import { ZooError, reason } from './errors.js';
import { Files } from './files.js';
import { parseManifest } from './manifest.js';
import type { Memory } from './memory.js';
import { address, callback, checkOptions, flag, listOf, shown, type Rules } from './options.js';
import type { Recognizer } from './recognizer.js';
import { checkFinite, parseTopology, weightBytes } from './topology.js';

/** A catalogue or a manifest is a few kilobytes; this many are refused. */
const MAX_DOCUMENT_BYTES = 4_000_000;

export interface ZooOptions {
  /** Back ends of TensorFlow.js to try, in this order; left out, webgpu, webgl, wasm, cpu. */
  backends?: readonly Backend[];
  /** Address of the folder that holds the wasm files of TensorFlow.js; left out, the page's own. */
  wasmPath?: string | URL;
  /** Keep files in IndexedDB, so that the next visit needs no network; true unless told otherwise. */
  cache?: boolean;
  /** Hears sentences about what did not work but does no harm, such as a full storage. */
  onNotice?: (sentence: string) => void;
}

export const ZOO_RULES: Rules<ZooOptions> = { backends: listOf(BACKENDS), wasmPath: address, cache: flag, onNotice: callback };

export type Model = Detector | Recognizer | Classifier;

export class Zoo {
  private isDisposed = false;

  constructor(
    private readonly base: URL,
    private readonly catalog: Catalog,
    private readonly files: Files,
    private readonly options: ZooOptions,
  ) {}

  /** Every published version. */
  get entries(): readonly Entry[] {
    return this.catalog.entries;
  }

  /** Of each model the newest version that fits; best score first, then fewest bytes. */
  find(query: Query = {}): Entry[] {
    return findEntries(this.catalog.entries, query);
  }

  /** The entry that 'name', 'name@latest', 'name@alias' or 'name@version' means; an entry means itself. */
  resolve(reference: Reference): Entry {
    return resolve(this.catalog, reference);
  }

  /** The checked manifest of an entry. */
  async manifest(entry: Entry): Promise<Manifest> {
    if (this.isDisposed) throw new ZooError('This zoo was disposed of. Open the store again.');
    const url = this.urlOf(entry, 'manifest.json');
    const bytes = await this.files.get(url, entry.manifest_sha256, MAX_DOCUMENT_BYTES);
    const manifest = parseManifest(bytes, url.pathname);
    if (manifest.name !== entry.name || manifest.version !== entry.version || manifest.task !== entry.task) {
      throw new ZooError(`${url} describes ${manifest.name}@${manifest.version}, not ${entry.name}@${entry.version}. Publish again.`);
    }
    return manifest;
  }

  /** One file of an artifact, checked against the manifest. */
  async file(entry: Entry, manifest: Manifest, path: string): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes, sha256 } = recordOf(entry, manifest, path);
    return this.files.get(this.urlOf(entry, path), sha256, bytes, true);
  }

  /**
   * Load 'name', 'name@latest', 'name@alias', 'name@version' or exactly the version of an entry of `find`, checking every
   * hash. The type says what comes back: `load<Detector>(...)`; its `kind` tells at run time. There are no options.
   */
  async load<M extends Model = Model>(reference: Reference, options: Record<string, never> = {}): Promise<M> {
    checkOptions('load', options, {});
    if (this.isDisposed) throw new ZooError('This zoo was disposed of. Open the store again.');
    const entry = this.resolve(reference);
    const { backends = BACKENDS, wasmPath = './' } = this.options;
    const wasmFolder = addressOf(wasmPath, 'wasmPath').href;
    const tensorflow = import('./load.js'); // fetched, and its back end started, while the files are fetched
    tensorflow.then(({ startBackend }) => startBackend(backends, wasmFolder)).catch(() => {}); // told of below, unless the files fail first
    const manifest = await this.manifest(entry);
    const document = `${entry.path}/${manifest.model.topology}`;
    const topology = parseTopology(await this.file(entry, manifest, manifest.model.topology), document);
    const paths = topology.weightsManifest.flatMap((group) => group.paths);
    checkSizes(entry, manifest, paths, weightBytes(topology, document));
    const shards = await Promise.all(paths.map((path) => this.file(entry, manifest, path)));
    const weights = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0));
    shards.reduce((at, shard) => (weights.set(shard, at), at + shard.length), 0);
    checkFinite(topology, weights.buffer, document);
    const { loadModel } = await tensorflow;
    return (await loadModel(manifest, topology, weights.buffer, backends, wasmFolder)) as M;
  }

  /** What TensorFlow.js holds at the moment, in all of this page. */
  async memory(): Promise<Memory> {
    return (await import('./memory.js')).memory();
  }

  /** Close the storage. Loaded models stay good; dispose of each by itself. */
  dispose(): void {
    this.isDisposed = true;
    this.files.close();
  }

  private urlOf(entry: Entry, path: string): URL {
    return new URL(`${entry.path}/${path}`, this.base);
  }
}

function recordOf(entry: Entry, manifest: Manifest, path: string): FileRecord {
  if (!Object.hasOwn(manifest.files, path)) {
    throw new ZooError(`${entry.path} lists no hash for '${path}', so it cannot be trusted. Publish the model again.`);
  }
  return manifest.files[path];
}

/** Before shards are downloaded: what the manifest says of their sizes is what the topology needs and the model weighs. */
function checkSizes(entry: Entry, manifest: Manifest, shards: string[], expected: number): void {
  const sum = (paths: string[]) => paths.reduce((total, path) => total + recordOf(entry, manifest, path).bytes, 0);
  if (sum(shards) !== expected) {
    throw new ZooError(`The weights of ${entry.path} have ${sum(shards)} bytes; its topology tells of ${expected}. Publish again.`);
  }
  const { topology, bytes } = manifest.model;
  if (sum([topology, ...shards]) !== bytes) {
    throw new ZooError(`${entry.path} weighs ${sum([topology, ...shards])} bytes; its manifest tells of ${bytes}. Publish again.`);
  }
}

/** Open the store at an address, its folder with `catalog.json`. Throws ZooError when there is none. */
export async function openZoo(url: string | URL, options: ZooOptions = {}): Promise<Zoo> {
  checkOptions('openZoo', options, ZOO_RULES);
  checkBackends(options.backends ?? BACKENDS);
  const base = addressOf(url, 'A store');
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const notice = options.onNotice ?? (() => {});
  const cache = options.cache === false ? NO_CACHE : await openCache().catch((error: unknown) => {
    notice(`This browser offers no storage (${reason(error)}), so every visit downloads again.`);
    return NO_CACHE;
  });
  const files = new Files(cache, notice);
  const index = new URL('catalog.json', base);
  const catalog = parseCatalog(await files.getLatest(index, MAX_DOCUMENT_BYTES), index.pathname);
  return new Zoo(base, catalog, files, options);
}

/** A complete address; one that is relative is so to the page. Throws ZooError for what is none. */
export function addressOf(given: string | URL, what: string): URL {
  const page = pageAddress();
  if (address.allows(given) && given !== '' && URL.canParse(given, page)) return new URL(given, page);
  throw new ZooError(`${what} is an address such as '/folder/', got ${shown(given)}. Give that of its folder.`);
}

function pageAddress(): string {
  return globalThis.document?.baseURI ?? globalThis.location.href;
}
