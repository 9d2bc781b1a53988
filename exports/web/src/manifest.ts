/**
 * Reads a manifest. What decides how a picture becomes an answer, and which files may be fetched, is checked here; all
 * the rest is passed on as it came.
 */
import { Checker, parseJson } from './check.js';
import { TASKS, type DecodeRule, type EmbeddingRule, type FileRecord, type InputSpec, type Manifest } from './contract.js';
import { ZooError } from './errors.js';
import { numAnchors } from './grid.js';
import * as limits from './limits.js';

export const SCHEMA = 'pocket-zoo/manifest/1';
export const BOX_ENCODING = 'centre-log-size';

/** Read and check a manifest. `document` names it in errors. Throws ZooError for anything not understood or unsafe. */
export function parseManifest(bytes: Uint8Array, document: string): Manifest {
  const check = new Checker(document);
  const raw = check.object(parseJson(bytes, document), 'its whole');
  if (raw.schema !== SCHEMA) {
    throw new ZooError(`${document} has schema ${JSON.stringify(raw.schema)}; this page reads '${SCHEMA}'. Update it.`);
  }
  const axis = (side: unknown, where: string) => check.whole(side, where, 1, limits.MAX_COUNT);
  const checkOutput = (value: unknown, where: string) => {
    const output = check.object(value, where);
    const shape = check.list(output.shape, `${where}.shape`, axis, limits.MAX_AXES);
    return { name: check.text(output.name, `${where}.name`), shape };
  };
  const outputs = check.list(raw.outputs, 'outputs', checkOutput, limits.MAX_OUTPUTS);
  const model = check.object(raw.model, 'model');
  check.oneOf(model.format, 'model.format', ['tfjs-graph-model']);
  const manifest: Manifest = {
    ...raw,
    name: check.text(raw.name, 'name'),
    version: check.text(raw.version, 'version'),
    task: check.oneOf(raw.task, 'task', TASKS),
    model: {
      ...model,
      topology: check.text(model.topology, 'model.topology'),
      bytes: check.whole(model.bytes, 'model.bytes', 1, limits.MAX_MODEL_BYTES),
    },
    input: checkInput(check, raw.input),
    outputs,
    decode: checkDecode(check, raw.decode),
    labels: check.list(raw.labels, 'labels', (label, where) => check.text(label, where), limits.MAX_ENTRIES),
    files: checkFiles(check, raw.files),
  };
  checkShapes(check, manifest);
  return manifest;
}

function checkInput(check: Checker, value: unknown): InputSpec {
  const input = check.object(value, 'input');
  check.oneOf(input.channel_order, 'input.channel_order', ['rgb']);
  const limit = (one: unknown, where: string) => check.number(one, where, -limits.MAX_COUNT, limits.MAX_COUNT);
  const [low, high] = check.list(input.value_range, 'input.value_range', limit, 2);
  if (!(low < high)) check.fail('input.value_range', input.value_range, 'two rising numbers');
  const fraction = (one: unknown, where: string) => check.number(one, where, 0, 1);
  const alignment = Object.entries(check.object(input.alignment ?? {}, 'input.alignment')).map(([name, point]) => {
    const [x, y] = check.list(point, `input.alignment.${name}`, fraction, 2);
    return [name, [x, fraction(y, `input.alignment.${name}[1]`)]] as const;
  });
  return {
    node: check.text(input.node, 'input.node'),
    height: check.whole(input.height, 'input.height', 1, limits.MAX_SIDE),
    width: check.whole(input.width, 'input.width', 1, limits.MAX_SIDE),
    channels: check.oneOf(input.channels, 'input.channels', [1, 3] as const),
    value_range: [low, high],
    resize: check.oneOf(input.resize, 'input.resize', ['letterbox', 'stretch'] as const),
    pad_value: check.whole(input.pad_value, 'input.pad_value', 0, 255),
    ...(input.alignment ? { alignment: Object.fromEntries(alignment) as Record<string, [number, number]> } : {}),
  };
}

function checkDecode(check: Checker, value: unknown): DecodeRule {
  const rule = check.object(value, 'decode');
  const kind = check.oneOf(rule.kind, 'decode.kind', ['grid', 'embedding', 'classes'] as const);
  if (kind === 'classes') return { kind };
  if (kind === 'embedding') return checkEmbedding(check, rule);
  check.oneOf(rule.box_encoding, 'decode.box_encoding', [BOX_ENCODING]);
  check.oneOf(rule.score, 'decode.score', ['sigmoid']);
  const stride = (one: unknown, where: string) => check.whole(one, where, 1, limits.MAX_SIDE);
  const strides = check.list(rule.strides, 'decode.strides', stride, limits.MAX_STRIDES);
  const side = (one: unknown, where: string) => check.number(one, where, 1e-6, limits.MAX_SIDE);
  const perCell = (one: unknown, where: string) => check.list(one, where, side, limits.MAX_ANCHOR_SIDES);
  const sides = check.list(rule.anchor_sides, 'decode.anchor_sides', perCell, limits.MAX_STRIDES);
  const keypoint = (one: unknown, where: string) => check.text(one, where);
  if (sides.length !== strides.length) check.fail('decode.anchor_sides', sides, `${strides.length} lists, one per stride`);
  return {
    kind,
    strides,
    anchor_sides: sides,
    keypoints: check.distinct(check.list(rule.keypoints, 'decode.keypoints', keypoint, limits.MAX_KEYPOINTS), 'decode.keypoints'),
    score_threshold: check.number(rule.score_threshold, 'decode.score_threshold', 0, 1),
    iou_threshold: check.number(rule.iou_threshold, 'decode.iou_threshold', 0, 1),
    max_detections: check.whole(rule.max_detections, 'decode.max_detections', 1, limits.MAX_ENTRIES),
  };
}

function checkEmbedding(check: Checker, rule: Record<string, unknown>): EmbeddingRule {
  const size = check.whole(rule.size, 'decode.size', 1, limits.MAX_ENTRIES);
  if (rule.similarity_threshold === undefined) return { kind: 'embedding', size };
  return {
    kind: 'embedding',
    size,
    similarity_threshold: check.number(rule.similarity_threshold, 'decode.similarity_threshold', -1, 1),
    false_accept_rate: check.number(rule.false_accept_rate, 'decode.false_accept_rate', 0, 1),
  };
}

/** Read the records of files: sizes, hashes, and paths that stay inside. */
export function checkFiles(check: Checker, value: unknown): Record<string, FileRecord> {
  const records = Object.entries(check.object(value, 'files'));
  if (records.length > limits.MAX_FILES) check.fail('number of files', records.length, `at most ${limits.MAX_FILES}`);
  const files = records.map(([path, record]) => {
    checkPath(check, path);
    const { bytes, sha256 } = check.object(record, `files['${path}']`);
    return [
      path,
      {
        bytes: check.whole(bytes, `files['${path}'].bytes`, 0, limits.MAX_FILE_BYTES),
        sha256: check.text(sha256, `files['${path}'].sha256`, /^[0-9a-f]{64}$/),
      },
    ] as const;
  });
  return Object.fromEntries(files);
}

/** Refuse a path that could leave the folder it is joined to, in any spelling that a URL knows. */
export function checkPath(check: Checker, path: string): string {
  const isPlain = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(path) && !path.split('/').some((part) => /^\.+$/.test(part));
  if (!isPlain) {
    throw new ZooError(`${check.document} names '${path}', which points outside the artifact. Do not use it.`);
  }
  return path;
}

/** The outputs have to be those that the decode rule reads, in the shapes that follow from it. */
function checkShapes(check: Checker, { decode, input, labels, outputs }: Manifest): void {
  const expected: Record<string, number[]> = {};
  if (decode.kind === 'grid') {
    const anchors = numAnchors(decode, input);
    expected.class_logits = [anchors, labels.length];
    expected.box_offsets = [anchors, 4];
    if (decode.keypoints.length > 0) expected.keypoint_offsets = [anchors, 2 * decode.keypoints.length];
  } else if (decode.kind === 'embedding') {
    expected.embedding = [decode.size];
  } else {
    expected.class_logits = [labels.length];
  }
  check.distinct(outputs.map(({ name }) => name), 'name of an output');
  const values = outputs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  if (values > limits.MAX_OUTPUT_VALUES) check.fail('numbers in all outputs', values, `at most ${limits.MAX_OUTPUT_VALUES}`);
  const found = Object.fromEntries(outputs.map(({ name, shape }) => [name, shape]));
  for (const [name, shape] of Object.entries(expected)) {
    if (String(found[name]) !== String(shape)) check.fail(`shape of output ${name}`, found[name] ?? null, `[${shape}]`);
  }
}
