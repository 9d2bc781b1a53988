/** Hostile stores, through all of the loading code: refused with a sentence before TensorFlow.js is handed anything. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../src/download.js';
import { ZooError } from '../src/errors.js';
import { loadModel } from '../src/load.js';
import { openZoo } from '../src/zoo.js';
import { MANIFEST, bytes, nested } from './_artifact.js';

vi.mock('../src/load.js', () => ({ loadModel: vi.fn(async () => 'loaded'), startBackend: vi.fn(async () => 'cpu') }));

/** What a test spoils has no type. */
type Json = Record<string, any>;
const VALUES = new Float32Array([1, -2, 0.5]);
const TOPOLOGY = {
  modelTopology: {},
  weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 'w', shape: [3], dtype: 'float32' }] }],
};
const CATALOG_ENTRY = {
  name: 'tiny', version: '1', task: 'face-detection', path: 'tiny/1', gzip_bytes: 50, input_size: [16, 16], labels: ['face'],
  metric: 'ap50', score: 0.5, metric_data: 'x', precision: 'uint8', created: '2026-01-01', bytes: 100,
};

let server: Server;
let address: string;
let served: Map<string, Uint8Array | 'endless' | 'elsewhere'>;

beforeAll(async () => {
  server = createServer((request, response) => {
    const found = served.get(request.url!.slice(1));
    if (found === undefined) response.writeHead(404).end();
    else if (found === 'elsewhere') response.writeHead(302, { location: '/catalog.json' }).end();
    else if (found === 'endless') {
      const more = () => void (response.destroyed || response.write(Buffer.alloc(100_000), more));
      more();
    } else response.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  vi.stubGlobal('location', { href: address });
});
afterAll(() => void server.close());
beforeEach(() => void (served = new Map()));
afterEach(() => vi.mocked(loadModel).mockClear());

interface Spoils {
  /** Changes what the topology says before it is hashed. */
  topology?: (topology: Json) => unknown;
  weights?: Uint8Array<ArrayBuffer>;
  /** Changes the manifest before it is hashed. */
  manifest?: (manifest: Json) => unknown;
  catalog?: (catalog: Json) => unknown;
  /** Changes what is served after all was hashed. */
  served?: (files: typeof served) => unknown;
}

async function publish(spoils: Spoils): Promise<void> {
  const copy = (value: object): Json => structuredClone(value);
  const topology = copy(TOPOLOGY);
  spoils.topology?.(topology);
  const files = { 'model.json': bytes(topology), 'weights.bin': spoils.weights ?? new Uint8Array(VALUES.buffer.slice(0)) };
  const records = await Promise.all(
    Object.entries(files).map(async ([path, content]) => [path, { bytes: content.length, sha256: await sha256(content) }]),
  );
  const manifest = copy({ ...MANIFEST, files: Object.fromEntries(records) });
  manifest.model.bytes = files['model.json'].length + files['weights.bin'].length;
  spoils.manifest?.(manifest);
  const catalog = copy({
    schema: 'pocket-zoo/catalog/1',
    models: [{ ...CATALOG_ENTRY, manifest_sha256: await sha256(bytes(manifest)) }],
  });
  spoils.catalog?.(catalog);
  served = new Map<string, Uint8Array>([
    ['catalog.json', bytes(catalog)],
    ['tiny/1/manifest.json', bytes(manifest)],
    ...Object.entries(files).map(([path, content]) => [`tiny/1/${path}`, content] as const),
  ]);
  spoils.served?.(served);
}

async function load(): Promise<unknown> {
  const zoo = await openZoo(address, { cache: false });
  return zoo.load('tiny');
}

function flipped(path: string): Spoils {
  return {
    served: (files) => {
      const content = Uint8Array.from(files.get(path) as Uint8Array);
      content[2] ^= 1;
      files.set(path, content);
    },
  };
}

const group = (topology: Json) => topology.weightsManifest[0];
const weight = (changes: object): Spoils => ({ topology: (topology) => Object.assign(group(topology).weights[0], changes) });
const float16 = weight({ quantization: { dtype: 'float16' } });

describe('a store', () => {
  it('that nobody spoilt is loaded', async () => {
    await publish({});
    expect(await load()).toBe('loaded');
    expect(loadModel).toHaveBeenCalledOnce();
    const [, , weights] = vi.mocked(loadModel).mock.calls[0];
    expect(new Float32Array(weights)).toEqual(VALUES);
  });

  it.each<[string, Spoils, string]>([
    ['a flipped byte in the weights', flipped('tiny/1/weights.bin'), 'its SHA-256 differs'],
    ['a flipped byte in the topology', flipped('tiny/1/model.json'), 'its SHA-256 differs'],
    ['a flipped byte in the manifest', flipped('tiny/1/manifest.json'), 'its SHA-256 differs'],
    ['a truncated shard', { served: (files) => files.set('tiny/1/weights.bin', new Uint8Array(8)) }, 'where the manifest says 12'],
    ['a missing shard', { served: (files) => files.delete('tiny/1/weights.bin') }, 'status 404'],
    ['a shard without end', { served: (files) => files.set('tiny/1/weights.bin', 'endless') }, 'more than the 12 bytes'],
    ['a manifest without end', { served: (files) => files.set('tiny/1/manifest.json', 'endless') }, 'more than the 4000000 bytes'],
    ['a catalogue without end', { served: (files) => files.set('catalog.json', 'endless') }, 'more than the 4000000 bytes'],
    ['a shard that leads elsewhere', { served: (files) => files.set('tiny/1/weights.bin', 'elsewhere') }, 'cannot be reached'],
    ['a wrong hash', { manifest: (m) => (m.files['weights.bin'].sha256 = '0'.repeat(64)) }, 'its SHA-256 differs'],
    ['a declared size of 10 GB', { manifest: (m) => (m.files['weights.bin'].bytes = 1e10) }, 'a number from 0 to 64000000'],
    ['another declared size', { manifest: (m) => (m.files['weights.bin'].bytes = 16) }, 'its topology tells of 12'],
    ['a model that weighs more than told', { manifest: (m) => (m.model.bytes = 13) }, 'its manifest tells of 13'],
    ['another name', { manifest: (m) => (m.name = 'huge') }, 'describes huge@1, not tiny@1'],
    ['a topology that is not listed', { manifest: (m) => (m.model.topology = 'other.json') }, "no hash for 'other.json'"],
    ['a topology by its prototype', { manifest: (m) => (m.model.topology = 'constructor') }, "no hash for 'constructor'"],
    ['a deep manifest', { manifest: (m) => (m.extra = nested(40)) }, 'nested deeper than 32 levels'],
    ['a deep topology', { topology: (t) => (t.extra = nested(40)) }, 'nested deeper than 32 levels'],
    ['a deep catalogue', { catalog: (c) => (c.extra = nested(40)) }, 'nested deeper than 32 levels'],
    ['an unknown manifest version', { manifest: (m) => (m.schema = 'pocket-zoo/manifest/9') }, "this page reads 'pocket-zoo/manifest/1'"],
    ['an unknown catalogue version', { catalog: (c) => (c.schema = 'pocket-zoo/catalog/9') }, "this page reads 'pocket-zoo/catalog/1'"],
    ['a place upwards', { catalog: (c) => (c.models[0].path = '../../etc') }, 'points outside'],
    ['a shard that is not listed', { topology: (t) => (group(t).paths = ['other.bin']) }, "no hash for 'other.bin'"],
    ['a shard upwards', { topology: (t) => (group(t).paths = ['../weights.bin']) }, 'points outside'],
    ['a shard of another host', { topology: (t) => (group(t).paths = ['//evil.example/x']) }, 'points outside'],
    ['a shard twice', { topology: (t) => group(t).paths.push('weights.bin') }, 'different each time'],
    ['a wrong type', weight({ dtype: 'float8' }), 'one of float32'],
    ['another shape', weight({ shape: [4] }), 'its topology tells of 16'],
    ['a shape beyond all memory', weight({ shape: Array(8).fill(64_000_000) }), 'its topology tells of'],
    ['a weight twice', { topology: (t) => group(t).weights.push(group(t).weights[0]) }, 'different each time'],
    ['a weight that is no number', { weights: new Uint8Array(new Float32Array([1, NaN, 1]).buffer) }, 'not finite'],
    ['half a weight that is infinite', { ...float16, weights: new Uint8Array(new Uint16Array([0, 0x7c00, 0]).buffer) }, 'not finite'],
  ])('with %s is refused', async (_, spoils, message) => {
    await publish(spoils);
    const error: unknown = await load().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ZooError);
    expect((error as ZooError).message).toContain(message);
    expect(loadModel).not.toHaveBeenCalled();
  });
});
