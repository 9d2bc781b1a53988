/** What is refused before anything is fetched or run. */
import { describe, expect, it } from 'vitest';
import { findEntries, parseCatalog, resolve } from '../src/catalog.js';
import { parseManifest } from '../src/manifest.js';
import { checkFinite, parseTopology, weightBytes } from '../src/topology.js';
import { HASH, MANIFEST, bytes, nested } from './_artifact.js';

const withFile = (path: string, record: object = { bytes: 1, sha256: HASH }) => ({ files: { [path]: record } });

const embedding = (more: object) => ({
  task: 'face-recognition',
  decode: { kind: 'embedding', size: 4, distance: 'cosine', ...more },
  outputs: [{ name: 'embedding', shape: [4] }],
  labels: [],
});

describe('a manifest', () => {
  it('says from where on two embeddings are alike, or nothing of it', () => {
    const measured = { similarity_threshold: 0.5, false_accept_rate: 0.01 };
    const rule = (more: object) => parseManifest(bytes({ ...MANIFEST, ...embedding(more) }), 'm').decode;
    expect(rule(measured)).toEqual({ kind: 'embedding', size: 4, ...measured });
    expect(rule({})).toEqual({ kind: 'embedding', size: 4 });
  });

  it('passes facts on that decide nothing', () => {
    const manifest = parseManifest(bytes(MANIFEST), 'm');
    expect(manifest.metrics).toEqual(MANIFEST.metrics);
    expect(manifest.decode).toMatchObject({ kind: 'grid', strides: [8] });
  });

  it.each<[string, object | string, string]>([
    ['of another schema', { schema: 'pocket-zoo/manifest/9' }, "this page reads 'pocket-zoo/manifest/1'"],
    ['that is no JSON', '{"schema', 'not readable JSON'],
    ['that is a list', '[]', 'has to be an object'],
    ['with a path upwards', withFile('../secret'), 'points outside'],
    ['with a path upwards inside', withFile('a/../../secret'), 'points outside'],
    ['with an encoded path upwards', withFile('%2e%2e/secret'), 'points outside'],
    ['with a path upwards by backslash', withFile('..\\secret'), 'points outside'],
    ['with an absolute path', withFile('/etc/passwd'), 'points outside'],
    ['with another host', withFile('//evil.example/x'), 'points outside'],
    ['with another origin', withFile('https://evil.example/x'), 'points outside'],
    ['with a data address', withFile('data:text/plain,x'), 'points outside'],
    ['with a query', withFile('model.json?x'), 'points outside'],
    ['nested too deep', { extra: nested(40) }, 'nested deeper than 32 levels'],
    ['nested a hundred thousand deep', '['.repeat(100_000) + ']'.repeat(100_000), 'nested deeper than 32 levels'],
    ['with a number beyond all', JSON.stringify(MANIFEST).replace('0.3', '1e999'), 'a number'],
    ['with a thousand and one files', { files: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`${i}`, {}])) }, 'at most 1000'],
    ['with a model over the budget', { model: { ...MANIFEST.model, bytes: 2_000_001 } }, 'a number from 1 to 2000000'],
    ['with two outputs of one name', { outputs: [...MANIFEST.outputs, MANIFEST.outputs[0]] }, 'different each time'],
    ['with two landmarks of one name', { decode: { ...MANIFEST.decode, keypoints: ['a', 'a'] } }, 'different each time'],
    ['with a huge output', { outputs: [...MANIFEST.outputs, { name: 'x', shape: [1e6, 1e6] }] }, 'at most 16000000'],
    ['with a million labels', { labels: Array(1e6).fill('x') }, 'a list of at most 10000'],
    ['with a million strides', { decode: { ...MANIFEST.decode, strides: Array(1e6).fill(8) } }, 'a list of at most 8'],
    ['with an oversize file', withFile('big.bin', { bytes: 1e12, sha256: HASH }), 'a number from 0 to 64000000'],
    ['with a size in words', withFile('odd.bin', { bytes: 'many', sha256: HASH }), 'a whole number'],
    ['with a hash that is none', withFile('odd.bin', { bytes: 1, sha256: 'x' }), 'a text like'],
    ['with an unknown task', { task: 'mind-reading' }, 'one of face-detection'],
    ['with an unknown decode rule', { decode: { kind: 'magic' } }, 'one of grid'],
    ['with another box encoding', { decode: { ...MANIFEST.decode, box_encoding: 'corners' } }, 'centre-log-size'],
    ['with other shapes than its grid', { outputs: [{ name: 'class_logits', shape: [5, 1] }] }, '[4,1]'],
    ['without an output', { outputs: [MANIFEST.outputs[0]] }, '[4,4]'],
    ['with two labels for one', { labels: ['a', 'b'] }, '[4,2]'],
    ['with a falling value range', { input: { ...MANIFEST.input, value_range: [1, 0] } }, 'two rising numbers'],
    ['with no input size', { input: { ...MANIFEST.input, height: 0 } }, 'a number from 1'],
    ['with a stride of zero', { decode: { ...MANIFEST.decode, strides: [0] } }, 'a number from 1'],
    ['with a likeness beyond all', embedding({ similarity_threshold: 1.5, false_accept_rate: 0.01 }), 'a number from -1 to 1'],
    ['with a likeness that says not for what', embedding({ similarity_threshold: 0.5 }), 'decode.false_accept_rate'],
    ['without files', { files: null }, 'files, which has to be an object'],
  ])('%s is refused with a sentence', (_, change, message) => {
    const spoiled = typeof change === 'string' ? change : { ...MANIFEST, ...change };
    expect(() => parseManifest(bytes(spoiled), 'm')).toThrow(message);
  });
});

describe('a topology', () => {
  const weights = (weight: object) => ({
    modelTopology: {},
    weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 'w', shape: [2, 3], dtype: 'float32', ...weight }] }],
  });

  it.each([
    [{}, 24],
    [{ quantization: { dtype: 'uint8', scale: 1, min: 0 } }, 6],
    [{ shape: [] }, 4],
    [{ dtype: 'int32', shape: [0] }, 0],
  ])('%j takes %i bytes', (weight, expected) => {
    expect(weightBytes(parseTopology(bytes(weights(weight)), 't'), 't')).toBe(expected);
  });

  it('refuses what it cannot count', () => {
    const count = (weight: object) => weightBytes(parseTopology(bytes(weights(weight)), 't'), 't');
    expect(() => count({ dtype: 'float8' })).toThrow('one of float32');
    expect(() => count({ shape: [-1] })).toThrow('a number from 0');
    expect(() => count({ shape: Array(9).fill(1) })).toThrow('a list of at most 8');
    expect(() => count({ name: 7 })).toThrow('a text');
    expect(() => count({ dtype: 'uint8' })).toThrow('one of float32');
    expect(() => count({ dtype: 'int32', quantization: { dtype: 'float16' } })).toThrow('one of float32');
    expect(() => count({ quantization: { dtype: 'float32' } })).toThrow('one of uint8');
    expect(() => count({ quantization: { dtype: 'uint8', scale: 1 } })).toThrow('min of weight w');
    expect(() => count({ quantization: { dtype: 'uint8', scale: 1e300, min: 0 } })).toThrow('within float32');
    expect(count({ shape: Array(8).fill(64_000_000) })).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });

  const shards = (paths: string[]) => ({ modelTopology: {}, weightsManifest: [{ paths, weights: [] }] });
  it.each<[string, object, string]>([
    ['a shard outside', shards(['../weights.bin']), 'points outside'],
    ['a shard twice', shards(['a.bin', 'a.bin']), 'different each time'],
    ['a million shards', shards(Array(1e6).fill('a.bin')), 'a list of at most 100'],
    ['a million weights', { modelTopology: {}, weightsManifest: [{ paths: [], weights: Array(1e6).fill({}) }] }, 'at most 10000'],
    ['no graph', { weightsManifest: [] }, 'modelTopology'],
    ['a deep graph', { modelTopology: nested(40), weightsManifest: [] }, 'nested deeper than 32 levels'],
  ])('with %s is refused', (_, topology, message) => {
    expect(() => parseTopology(bytes(topology), 't')).toThrow(message);
  });

  it('refuses two weights of one name', () => {
    const one = { name: 'w', shape: [1], dtype: 'float32' };
    const twice = { modelTopology: {}, weightsManifest: [{ paths: [], weights: [one, one] }] };
    expect(() => weightBytes(parseTopology(bytes(twice), 't'), 't')).toThrow('different each time');
  });

  it.each([
    [{ shape: [2] }, new Float32Array([1, NaN])],
    [{ shape: [2] }, new Float32Array([1, -Infinity])],
    [{ shape: [2], quantization: { dtype: 'float16' } }, new Uint16Array([0x3c00, 0x7c00])],
  ])('refuses numbers of %j that are not finite', (weight, content) => {
    const topology = parseTopology(bytes(weights(weight)), 't');
    expect(() => checkFinite(topology, content.buffer, 't')).toThrow('Weight w of t holds a number that is not finite');
    content.fill(1);
    checkFinite(topology, content.buffer, 't');
  });
});

const ENTRY = {
  name: 'a', version: '1', task: 'face-detection', path: 'a/1', bytes: 100, gzip_bytes: 50, input_size: [16, 16],
  labels: ['face'], metric: 'ap50', score: 0.5, metric_data: 'x', precision: 'uint8', created: '2026-01-01', manifest_sha256: HASH,
};

describe('a catalogue', () => {
  const catalog = (models: object[], rest: object = {}) =>
    parseCatalog(bytes({ schema: 'pocket-zoo/catalog/1', models, ...rest }), 'c');
  const full = catalog(
    [
      ENTRY,
      { ...ENTRY, version: '2', created: '2026-02-01', bytes: 300, score: 0.9 },
      { ...ENTRY, name: 'b', task: 'face-gate', score: null },
      { ...ENTRY, name: 'c', score: 0.5, bytes: 90 },
    ],
    { aliases: { a: { stable: '1' } } },
  );
  const names = (query: object) => findEntries(full.entries, query).map(({ name, version }) => `${name}@${version}`);

  it('finds the newest that fits, best first, then smallest', () => {
    expect(names({})).toEqual(['a@2', 'c@1', 'b@1']);
    expect(names({ maxBytes: 200 })).toEqual(['c@1', 'a@1', 'b@1']);
    expect(names({ minMetric: 0.6 })).toEqual(['a@2']);
    expect(names({ task: 'face-gate' })).toEqual(['b@1']);
    expect(() => names({ task: 'faces' })).toThrow("Unknown task 'faces'");
  });

  it('resolves names, versions and aliases', () => {
    expect(['a', 'a@latest', 'a@1', 'a@stable'].map((one) => resolve(full, one).version)).toEqual(['2', '2', '1', '1']);
    expect(() => resolve(full, 'd')).toThrow('published: a, b, c');
    expect(() => resolve(full, 'a@9')).toThrow("no version '9'");
    expect(() => resolve(full, 'a@constructor')).toThrow('no version');
  });

  it.each([
    [{ path: '../../etc' }, 'points outside'],
    [{ path: 'https://evil.example/a' }, 'points outside'],
    [{ manifest_sha256: '' }, 'a text like'],
    [{ bytes: -1 }, 'a number from 1'],
  ])('with %j is refused', (change, message) => {
    expect(() => catalog([{ ...ENTRY, ...change }])).toThrow(message);
  });
});
