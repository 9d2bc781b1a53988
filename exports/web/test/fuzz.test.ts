/** Whatever the documents of an artifact say: they are understood or refused with a sentence, within bounds. */
import { describe, expect, it } from 'vitest';
import schema from '../../schemas/manifest.schema.json';
import { TASKS } from '../src/contract.js';
import { ZooError } from '../src/errors.js';
import { layAnchors, numAnchors } from '../src/grid.js';
import * as limits from '../src/limits.js';
import { BOX_ENCODING, SCHEMA, parseManifest } from '../src/manifest.js';
import { checkFinite, parseTopology, weightBytes } from '../src/topology.js';
import { MANIFEST, bytes } from './_artifact.js';

const ROUNDS = 3_000;
const LONGEST_SENTENCE = 500;
const CONTENT_BYTES = 4 * 6 + 2 + 3;
const TOPOLOGY = {
  format: 'graph-model',
  modelTopology: { node: [{ name: 'image', op: 'Placeholder', attr: {} }] },
  weightsManifest: [
    {
      paths: ['weights.bin'],
      weights: [
        { name: '0', shape: [2, 3], dtype: 'float32' },
        { name: '1', shape: [1], dtype: 'float32', quantization: { dtype: 'float16' } },
        { name: '2', shape: [3], dtype: 'float32', quantization: { dtype: 'uint8', scale: 0.1, min: -1 } },
      ],
    },
  ],
};
const TOKEN = /"[^"\n]*"|[-+.\w]+|[^\w\s]/g;
const NASTY = [
  '0', '-1', '1', '7', '2.5', '1e999', '-1e999', '9'.repeat(400), '1e-320', 'NaN', 'null', 'true', '', '""', '" "', '[]', '{}', '[[1]]',
  '['.repeat(40), '['.repeat(9_000) + ']'.repeat(9_000), '{"x":'.repeat(40), '"../../x"', '"/etc/passwd"', '"__proto__"', '"constructor"', '"toString"',
  '"\\ud800"', `"${'x'.repeat(300)}"`, `[${'0,'.repeat(20_000)}0]`, '64000000', '1000000', '"uint8"', '"grid"', '"classes"', ':', ',',
];

/** Numbers from 0 to 1 that are the same each time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Change a text in one to three places: tokens replaced, doubled, dropped or swapped, or the rest cut off. */
function mutated(text: string, random: () => number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  for (let change = Math.floor(random() * 3); change >= 0; change--) {
    const tokens = text.length < 10_000 ? [...text.matchAll(TOKEN)] : [];
    if (tokens.length === 0) return text;
    const [one, other] = [pick(tokens), pick(tokens)];
    const [before, after] = [text.slice(0, one.index), text.slice(one.index + one[0].length)];
    const replacement = pick(['nasty', 'nasty', 'nasty', 'other', 'double', 'drop', 'cut'] as const);
    if (replacement === 'nasty') text = before + pick(NASTY) + after;
    else if (replacement === 'other') text = before + other[0] + after;
    else if (replacement === 'double') text = before + one[0] + one[0] + after;
    else if (replacement === 'drop') text = before + after;
    else text = before;
  }
  return text;
}

/** Run `use` on many changed copies; count those that were understood. Anything but a ZooError with a sentence fails. */
function understood(document: object, seed: number, use: (content: Uint8Array) => void): number {
  const random = generator(seed);
  let good = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = mutated(JSON.stringify(document), random);
    try {
      use(new TextEncoder().encode(text));
      good++;
    } catch (error) {
      if (!(error instanceof ZooError)) throw new Error(`not refused but broken: ${text.slice(0, 2_000)}`, { cause: error });
      expect(error.message).toMatch(/\.$/);
      expect(error.message.length).toBeLessThan(LONGEST_SENTENCE);
    }
  }
  return good;
}

describe('changed at random', () => {
  it('a manifest is understood or refused', () => {
    const good = understood(MANIFEST, 1, (content) => {
      const { decode, input, outputs } = parseManifest(content, 'm');
      expect(outputs.length).toBeGreaterThan(0);
      if (decode.kind === 'grid') expect(layAnchors(decode, input).length).toBe(6 * numAnchors(decode, input));
    });
    expect(good).toBeGreaterThan(0);
    expect(good).toBeLessThan(ROUNDS / 2);
  });

  it('a topology is understood or refused', () => {
    const good = understood(TOPOLOGY, 2, (content) => {
      const topology = parseTopology(content, 't');
      if (weightBytes(topology, 't') === CONTENT_BYTES) checkFinite(topology, new ArrayBuffer(CONTENT_BYTES), 't');
    });
    expect(good).toBeGreaterThan(0);
    expect(good).toBeLessThan(ROUNDS / 2);
  });

  it('weights are finite or refused', () => {
    const random = generator(3);
    const topology = parseTopology(bytes(TOPOLOGY), 't');
    expect(weightBytes(topology, 't')).toBe(CONTENT_BYTES);
    for (let round = 0; round < ROUNDS; round++) {
      const content = Uint8Array.from({ length: CONTENT_BYTES }, () => Math.floor(random() * 256) | (random() < 0.2 ? 0x7f : 0));
      const halves = content[25] & 0x7c;
      const isFinite = new Float32Array(content.buffer.slice(0, 24)).every(Number.isFinite) && halves !== 0x7c;
      const check = () => checkFinite(topology, content.buffer, 't');
      if (isFinite) check();
      else expect(check).toThrow('not finite');
    }
  });
});

describe('the limits', () => {
  it('are those of the published schema', () => {
    const { properties, $defs } = schema;
    expect(properties.schema.const).toBe(SCHEMA);
    expect(properties.task.enum).toEqual(TASKS);
    expect($defs.grid.properties.box_encoding.const).toBe(BOX_ENCODING);
    expect({
      MAX_FILE_BYTES: properties.files.additionalProperties.properties.bytes.maximum,
      MAX_MODEL_BYTES: properties.model.properties.bytes.maximum,
      MAX_FILES: properties.files.maxProperties,
      MAX_ENTRIES: $defs.labels.maxItems,
      MAX_SIDE: $defs.side_px.maximum,
      MAX_OUTPUTS: properties.outputs.maxItems,
      MAX_AXES: properties.outputs.items.properties.shape.maxItems,
      MAX_COUNT: $defs.count.maximum,
      MAX_STRIDES: $defs.grid.properties.strides.maxItems,
      MAX_ANCHOR_SIDES: $defs.grid.properties.anchor_sides.items.maxItems,
      MAX_KEYPOINTS: $defs.grid.properties.keypoints.maxItems,
      MAX_OUTPUT_VALUES: limits.MAX_OUTPUT_VALUES, // beyond what a schema can say
    }).toEqual({ ...limits });
  });
});
