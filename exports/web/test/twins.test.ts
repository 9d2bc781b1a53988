/** Geometry and resampling give what Python gives, on the values of golden.json. */
import { describe, expect, it } from 'vitest';
import { fitSimilarity } from '../src/align.js';
import type { GridRule, InputSpec } from '../src/contract.js';
import { decodeGrid, softmax } from '../src/decode.js';
import { layAnchors, numAnchors } from '../src/grid.js';
import { placedSize, roundHalfEven, toPicture } from '../src/letterbox.js';
import { Resampler } from '../src/resample.js';
import golden from './golden.json';

const CLOSE = 5; // decimals; Python computes in float32 here and there

const LARGEST_BYTE_DIFFERENCE = 1; // 0 for most sizes; for some, Pillow 13 takes columns before rows

type Rows = number[][];

function close(found: number[], expected: number[]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) => expect(value).toBeCloseTo(expected[i], CLOSE));
}

/** The picture of `golden_values.picture`, as RGBA. */
function picture(height: number, width: number): Uint8ClampedArray {
  const byte = (i: number) => (i * i * 7 + i * 13 + Math.floor(i / 8) * 29) % 256;
  return Uint8ClampedArray.from({ length: height * width * 4 }, (_, at) =>
    at % 4 === 3 ? 255 : byte(Math.floor(at / 4) * 3 + (at % 4)),
  );
}

describe('resampling', () => {
  const coloured = golden.resize.filter(({ input }) => input.channels === 3);
  it.each(coloured)('of $size gives the bytes of Pillow, to one', ({ input, size, expected }) => {
    const [height, width] = size;
    const placed = placedSize(input as InputSpec, { width, height });
    const target = new Uint8ClampedArray(input.width * input.height * 4).fill(input.pad_value);
    new Resampler({ width, height }, placed).run(picture(height, width), target, input.width);
    const bytes = [...Buffer.from(expected, 'base64')];
    const found = [...target].filter((_, at) => at % 4 !== 3);
    expect(found.length).toBe(bytes.length);
    const largest = Math.max(...found.map((byte, i) => Math.abs(byte - bytes[i])));
    expect(largest).toBeLessThanOrEqual(LARGEST_BYTE_DIFFERENCE);
  });
});

describe('letterbox', () => {
  it.each(golden.letterbox)('places $size as Python does', ({ input, size, placed, factors }) => {
    const picture = { height: size[0], width: size[1] };
    const found = placedSize(input as InputSpec, picture);
    expect([found.height, found.width]).toEqual(placed);
    const { x, y } = toPicture(input as InputSpec, picture);
    expect(x / factors[0]).toBeCloseTo(1, 9);
    expect(y / factors[1]).toBeCloseTo(1, 9);
  });

  it('rounds halves to the even neighbour', () => {
    expect([0.5, 1.5, 2.5, 2.4999, 3.5].map(roundHalfEven)).toEqual([0, 2, 2, 2, 4]);
  });
});

describe('detection grid', () => {
  it.each(golden.decode)('$rule.anchor_sides at $threshold gives what Python finds', (row) => {
    const rule = row.rule as GridRule;
    const anchors = layAnchors(rule, row.input);
    close([...anchors].filter((_, i) => i % 6 < 2), pick(row.anchors, row, 0));
    close([...anchors].filter((_, i) => i % 6 >= 4), pick(row.anchors, row, 4));
    const outputs = Object.fromEntries(Object.entries(row.outputs).map(([name, values]) => [name, Float32Array.from(values)]));
    const found = decodeGrid(outputs, rule, anchors, row.threshold);
    expect(found.map(({ label }) => label)).toEqual(row.expected.classes);
    close(found.map(({ score }) => score), row.expected.scores);
    close(found.flatMap(({ box }) => box.map(clamp)), (row.expected.boxes as Rows).flat().map(clamp));
    close(found.flatMap(({ keypoints }) => keypoints.flat()), (row.expected.keypoints as unknown as Rows[]).flat(2));
  });
});

/** Boxes that are thousands of inputs wide agree to fewer decimals. */
function clamp(value: number): number {
  return Math.max(-20, Math.min(20, value));
}

/** Two of the six numbers of each anchor; Python's file has them in the same order. */
function pick(values: number[], row: { rule: object; input: InputSpec | object }, first: number): number[] {
  expect(values.length).toBe(6 * numAnchors(row.rule as GridRule, row.input as InputSpec));
  return values.filter((_, i) => i % 6 === first || i % 6 === first + 1);
}

describe('similarity transform', () => {
  it.each(golden.similarity)('fits as Python does', ({ points, targets, expected }) => {
    const asPoints = (rows: Rows) => rows.map(([x, y]) => ({ x, y }));
    const { a, b, c, d } = fitSimilarity(asPoints(points), asPoints(targets));
    close([a, -b, c, b, a, d], expected.flat());
  });

  it('refuses landmarks in one point', () => {
    expect(() => fitSimilarity([{ x: 1, y: 1 }, { x: 1, y: 1 }], [{ x: 0, y: 0 }, { x: 1, y: 0 }])).toThrow('cannot be aligned');
  });
});

describe('softmax', () => {
  it('adds up to one, for large logits too', () => {
    close(softmax(Float32Array.of(1000, 1000)), [0.5, 0.5]);
    close(softmax(Float32Array.of(0, Math.log(3))), [0.25, 0.75]);
  });
});
