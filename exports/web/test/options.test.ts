/** What callers get wrong is a sentence: misspelt options, other types, nothing at all. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { alignFace } from '../src/align.js';
import { findEntries, resolve, type Catalog, type Entry } from '../src/catalog.js';
import { drawDetections } from '../src/draw.js';
import { ZooError } from '../src/errors.js';
import { callback, checkOptions, flag, listOf, needed, number, oneOf, positive, shown, text, whole, type Rule } from '../src/options.js';
import { pipeline } from '../src/pipeline.js';
import { similarity } from '../src/similarity.js';
import { sourceSize } from '../src/source.js';
import { TrainingSession } from '../src/train/index.js';
import { checkPreparation } from '../src/train/preparation.js';
import { RECIPE_RULES } from '../src/train/recipe.js';
import { openZoo } from '../src/zoo.js';

beforeAll(() => void vi.stubGlobal('location', { href: 'https://example.org/app/page.html' }));

/** Calls as plain JavaScript may make them. */
const wrong = (value: unknown) => value as never;

const check = (options: unknown, rules: Record<string, Rule>) => checkOptions<object>('call', options as object, rules);

function sentence(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(ZooError);
    return (error as ZooError).message;
  }
  return 'went well';
}

describe('rules', () => {
  it.each<[Rule, unknown[], unknown[]]>([
    [flag, [true, false], ['true', 1, null]],
    [text, [''], [1, null]],
    [callback, [() => {}], ['f']],
    [number(0, 1), [0, 1, 0.5], [-0.1, 1.1, NaN, '0.5']],
    [positive(1), [0.1, 1], [0, 1.5, NaN]],
    [whole(1), [1, 2], [0, 1.5, NaN, '1', Infinity]],
    [oneOf(['a', 'b']), ['a'], ['c', undefined]],
    [listOf(['a']), [['a']], ['a', [], [1]]],
  ])('$is', (rule, good, bad) => {
    for (const value of good) expect(sentence(() => check({ value }, { value: rule }))).toBe('went well');
    for (const value of bad.filter((one) => one !== undefined)) {
      expect(sentence(() => check({ value }, { value: rule }))).toContain(`value of call is ${rule.is}, got ${shown(value)}.`);
    }
  });

  it('name what is misspelt, missing or no object', () => {
    expect(sentence(() => check({ vaule: 1 }, { value: text }))).toBe("call has no option 'vaule'. Its options are: value.");
    expect(sentence(() => check({ x: 1 }, {}))).toBe("call has no option 'x'. It has none.");
    expect(sentence(() => check(null, { value: text }))).toContain('takes its options as an object { name: value }, got null');
    expect(sentence(() => check({}, { value: needed(text) }))).toBe('value of call is a text, got nothing. Give one.');
    expect(sentence(() => check({ value: undefined }, { value: text }))).toBe('went well');
  });
});

const entry = (name: string, version: string, created: string) =>
  ({ name, version, created, task: 'face-gate', bytes: 10, score: 0.5 }) as Entry;
const catalog: Catalog = { entries: [entry('a', 'new', '2'), entry('a', 'old', '1')], aliases: { a: { old: 'new' } } };

describe('looking up', () => {
  it.each<[unknown, string]>([
    [{ maxbytes: 10 }, "find has no option 'maxbytes'. Its options are: task, maxBytes, minMetric, name."],
    [{ maxBytes: 'a' }, "maxBytes of find is a number from 0, got 'a'."],
    ['face-detection', "find takes its options as an object { name: value }, got 'face-detection'."],
    [{ name: 3 }, 'name of find is a text, got 3.'],
  ])('%j is refused', (query, message) => {
    expect(sentence(() => findEntries(catalog.entries, wrong(query)))).toContain(message);
  });

  it('an entry means exactly its version', () => {
    expect(resolve(catalog, catalog.entries[1])).toBe(catalog.entries[1]);
    expect(sentence(() => resolve(catalog, { name: 'a', version: 'none' }))).toContain("Model 'a' has no version 'none' in this store.");
    for (const [given, got] of [[undefined, 'nothing'], [null, 'null'], [{}, 'a plain object'], [3, '3']]) {
      expect(sentence(() => resolve(catalog, wrong(given)))).toContain(`an entry of find, got ${got}.`);
    }
  });
});

describe('what is given', () => {
  it.each<[() => unknown, string]>([
    [() => sourceSize(wrong(null)), 'ImageBitmap or ImageData, got null.'],
    [() => sourceSize(wrong(undefined)), 'got nothing.'],
    [() => sourceSize(wrong({ width: 5, height: 5 })), 'got a plain object.'],
    [() => sourceSize(wrong('face.png')), "got 'face.png'."],
    [() => sourceSize(wrong({ [Symbol.toStringTag]: 'ImageBitmap', width: 0, height: 0 })), 'This ImageBitmap was closed'],
    [() => sourceSize(wrong({ [Symbol.toStringTag]: 'HTMLImageElement', width: 0, height: 0 })), 'Wait until it has loaded'],
    [() => alignFace(wrong({ [Symbol.toStringTag]: 'ImageData', width: 5, height: 5 }), wrong(null), wrong({})), 'by name, got null.'],
    [() => similarity(wrong(undefined), [1]), 'got nothing.'],
    [() => similarity([1, 2], [1]), 'Embeddings of 2 and 1 numbers cannot be compared.'],
    [() => similarity([0, 0], [1, 0]), 'similar to nothing'],
    [() => similarity([NaN, 0], [1, 0]), 'similar to nothing'],
    [() => drawDetections(wrong(null), []), 'draws on a 2D context, got null.'],
    [() => drawDetections(wrong({ strokeRect() {} }), wrong(undefined)), 'a list of detections, got nothing.'],
    [() => drawDetections(wrong({ strokeRect() {} }), [], wrong({ color: 'red' })), "drawDetections has no option 'color'"],
    [() => pipeline(wrong({ detect() {}, manifest: { name: 'd' } }), wrong(undefined)), 'got d and nothing.'],
  ])('%s', (call, message) => expect(sentence(call)).toContain(message));

  it.each<[unknown, unknown, string]>([
    [undefined, {}, "A store is an address such as '/folder/', got nothing."],
    ['http://', {}, "A store is an address such as '/folder/', got 'http://'."],
    ['/store/', { backends: 'wasm' }, "backends of openZoo is a list of one or more of webgpu, webgl, wasm, cpu, got 'wasm'."],
    ['/store/', { backends: [] }, 'got an empty list.'],
    ['/store/', { backends: ['abacus'] }, "Unknown backend 'abacus'."],
    ['/store/', { wasmpath: '/tfjs/' }, "openZoo has no option 'wasmpath'."],
  ])('openZoo(%j, %j)', async (url, options, message) => {
    await expect(openZoo(wrong(url), wrong(options))).rejects.toThrow(message);
    if (message.includes('Unknown')) return; // the worker tells
    await expect(TrainingSession.open(wrong(url), wrong(options))).rejects.toThrow(message.replace('openZoo', 'TrainingSession.open'));
  });
});

describe('training', () => {
  const data = { pack: '../packs/mine' };
  it('finds a pack beside the page', () => {
    expect(checkPreparation({ reference: 'a', start: 'fresh', data })).toEqual({
      reference: 'a', start: 'fresh', data: { pack: 'https://example.org/packs/mine' },
    });
  });

  it.each<[unknown, string]>([
    [{ start: 'fresh', data }, "reference of prepare is 'name', 'name@version' or an entry of find, got nothing."],
    [{ reference: 'a', start: 'new', data }, "start of prepare is one of published, fresh, saved, got 'new'."],
    [{ reference: 'a', start: 'fresh' }, 'data of prepare is { pack }, { files } or { labels, task, pictures }, got nothing.'],
    [{ reference: 'a', start: 'fresh', data: {} }, 'data of prepare is { pack }, { files } or { labels, task, pictures }, got a plain object.'],
    [{ reference: 'a', start: 'fresh', data: { pack: 3 } }, 'pack of data is an address, a text or a URL, got 3.'],
    [{ reference: 'a', start: 'fresh', data: { files: [] } }, 'files of data is a list that is not empty, got an empty list.'],
    [{ reference: 'a', start: 'fresh', data, seeds: 1 }, "prepare has no option 'seeds'."],
  ])('%j is refused', (preparation, message) => expect(sentence(() => checkPreparation(wrong(preparation)))).toContain(message));

  it.each<[unknown, string]>([
    [{ epoch: 3 }, "fit has no option 'epoch'."],
    [{ epochs: 0 }, 'epochs of fit is a whole number above 0, got 0.'],
    [{ learningRate: -0.1 }, 'learningRate of fit is a number above 0, got -0.1.'],
    [{ batchSize: 0 }, 'batchSize of fit is a whole number above 0, got 0.'],
  ])('fit refuses %j', (recipe, message) => expect(sentence(() => checkOptions('fit', wrong(recipe), RECIPE_RULES))).toContain(message));
});
