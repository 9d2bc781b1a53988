/** What is refused in a data pack before a picture is looked at, and networks for other labels. */
import { describe, expect, it } from 'vitest';
import { forLabels, seeded, type LayersTopology } from '../src/train/head.js';
import { next, shuffled } from '../src/train/order.js';
import { parsePack } from '../src/train/pack.js';

const HASH = 'a'.repeat(64);
const PICTURE = { file: 'pictures-000.bin', offset: 0, bytes: 10, width: 8, height: 8, split: 'train' };
const PACK = {
  schema: 'pocket-zoo/pack/1',
  name: 'mine',
  task: 'object-detection',
  labels: ['fish', 'crab'],
  keypoints: ['nose'],
  files: { 'pictures-000.bin': { bytes: 30, sha256: HASH } },
  pictures: [
    { ...PICTURE, boxes: [{ box: [1, 2, 3, 4], label: 1, landmarks: [null] }, { box: [0, 0, 8, 8], label: 0, ignore: true }] },
    { ...PICTURE, offset: 20, split: 'val', label: 0 },
  ],
};
const parse = (change: object) => parsePack(new TextEncoder().encode(JSON.stringify({ ...PACK, ...change })), 'p');
const withPicture = (change: object) => ({ pictures: [{ ...PICTURE, label: 0, ...change }] });
const withBox = (change: object) => ({ pictures: [{ ...PICTURE, boxes: [{ box: [1, 2, 3, 4], label: 1, ...change }] }] });

describe('a data pack', () => {
  it('is read with its boxes and classes', () => {
    const { rows, labels } = parse({});
    expect(labels).toEqual(['fish', 'crab']);
    expect(rows[0].boxes).toEqual([
      { box: [1, 2, 3, 4], label: 1, landmarks: [null], ignore: false },
      { box: [0, 0, 8, 8], label: 0, landmarks: [], ignore: true },
    ]);
    expect(rows[1]).toMatchObject({ label: 0, split: 'val', offset: 20 });
  });

  it.each<[string, object, string]>([
    ['of another schema', { schema: 'pocket-zoo/pack/9' }, "this page reads 'pocket-zoo/pack/1'"],
    ['with a path upwards', { files: { '../x': { bytes: 1, sha256: HASH } } }, 'points outside'],
    ['with another host', { files: { 'https://evil.example/x': { bytes: 1, sha256: HASH } } }, 'points outside'],
    ['without a hash', { files: { 'pictures-000.bin': { bytes: 1, sha256: '' } } }, 'a text like'],
    ['that is too large', { files: Object.fromEntries('abcde'.split('').map((name) => [name, { bytes: 6e7, sha256: HASH }])) }, 'Pack fewer'],
    ['without labels', { labels: [] }, 'a list of 1 to'],
    ['without pictures', { pictures: [] }, 'holds 0 pictures'],
    ['with a picture of no file', withPicture({ file: 'other.bin' }), 'one of pictures-000.bin'],
    ['with a picture behind the end', withPicture({ offset: 25 }), 'a number from 1 to 5'],
    ['with a picture before the start', withPicture({ offset: -1 }), 'a number from 0'],
    ['with a huge picture', withPicture({ width: 1e6 }), 'a number from 1 to 4096'],
    ['with an unknown split', withPicture({ split: 'test' }), 'one of train, val'],
    ['with an unknown class', withPicture({ label: 2 }), 'a number from 0 to 1'],
    ['with half a box', withBox({ box: [1, 2, 3] }), 'four numbers'],
    ['with a box of words', withBox({ box: ['a', 2, 3, 4] }), 'a number. Pack the data again.'],
    ['with an unknown label', withBox({ label: 9 }), 'a number from 0 to 1'],
    ['with half a landmark', withBox({ landmarks: [[1]] }), 'a number'],
  ])('%s is refused with a sentence', (_, change, message) => {
    expect(() => parse(change)).toThrow(message);
  });
});

const layer = (class_name: string, name: string, from: string[], config: object = {}) => ({
  class_name, name, config: { name, ...config }, inbound_nodes: from.length > 0 ? [from.map((one) => [one, 0, 0, {}])] : [],
});
const topology = (layers: object[], last: string) =>
  ({ class_name: 'Functional', config: { layers, output_layers: [['other', 0, 0], [last, 0, 0]] } }) as unknown as LayersTopology;

describe('other labels', () => {
  const config = (changed: LayersTopology, name: string) => changed.config.layers.find((one) => one.name === name)!.config;

  it('give a classifier as many units', () => {
    const before = topology([layer('InputLayer', 'image', []), layer('Dense', 'logits', ['image'], { units: 6 })], 'logits');
    expect(config(forLabels(before, ['x', 'class_logits'], 3, 't'), 'logits').units).toBe(3);
    expect(config(before, 'logits').units).toBe(6);
  });

  it('give a detector as many per anchor, on each stride', () => {
    const before = topology(
      [
        layer('Conv2D', 'a', [], { filters: 6 }), // two anchors of three labels
        layer('DepthwiseConv2D', 'a_dw', ['a']),
        layer('Reshape', 'a_rows', ['a_dw'], { target_shape: [50, 3] }),
        layer('Conv2D', 'b', [], { filters: 3 }),
        layer('Reshape', 'b_rows', ['b'], { target_shape: [9, 3] }),
        layer('Concatenate', 'joined', ['a_rows', 'b_rows']),
        layer('Rescaling', 'prior', ['joined']),
      ],
      'prior',
    );
    const changed = forLabels(before, ['x', 'class_logits'], 1, 't');
    expect([config(changed, 'a').filters, config(changed, 'b').filters]).toEqual([2, 1]);
    expect([config(changed, 'a_rows').target_shape, config(changed, 'b_rows').target_shape]).toEqual([[50, 1], [9, 1]]);
  });

  it('are refused where the layers lead nowhere', () => {
    expect(() => forLabels(topology([], 'gone'), ['x', 'class_logits'], 1, 't')).toThrow("a layer 'gone' that it does not have");
  });

  it('and a seed make weights that can be repeated', () => {
    const before = topology([layer('DepthwiseConv2D', 'a', []), layer('ReLU', 'b', ['a'])], 'b');
    expect(config(seeded(before, 7), 'a').depthwise_initializer).toEqual({ class_name: 'GlorotNormal', config: { seed: 7 } });
    expect(Object.keys(config(seeded(before, 7), 'b'))).toEqual(['name']);
  });
});

describe('shuffling', () => {
  it('follows from the seed, keeps everything, and differs from one epoch to the next', () => {
    const things = Array.from({ length: 40 }, (_, i) => i);
    const [one, same] = [{ state: 3 }, { state: 3 }];
    const first = shuffled(things, one);
    expect(shuffled(things, same)).toEqual(first);
    expect(first).not.toEqual(things);
    expect([...first].sort((a, b) => a - b)).toEqual(things);
    expect(shuffled(things, one)).not.toEqual(first);
  });

  it('is even', () => {
    const random = { state: 1 };
    const mean = Array.from({ length: 4_000 }, () => next(random)).reduce((a, b) => a + b) / 4_000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
  });
});
