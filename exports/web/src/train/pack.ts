/** Data packs, which `zoo data pack` writes: labelled pictures in few files, checked and kept as a model's files are. */
import { Checker, parseJson } from '../check.js';
import { TASKS, type FileRecord, type Task } from '../contract.js';
import { sha256 } from '../download.js';
import { ZooError } from '../errors.js';
import type { Files } from '../files.js';
import { checkFiles } from '../manifest.js';
import type { Box } from '../grid.js';

export const PACK_SCHEMA = 'pocket-zoo/pack/1';
export const PACK_INDEX = 'pack.json';
const MAX_INDEX_BYTES = 32_000_000;
const MAX_BYTES = 256_000_000;
const MAX_PICTURES = 20_000;
const MAX_LABELS = 10_000;
const MAX_SIDE = 4_096;
const ADVICE = 'Check the address of the data pack, its folder with pack.json, or pack the data again.';
const SPLITS = ['train', 'val'] as const;

/** A box in pixels of its picture. */
export interface LabelledBox {
  box: Box;
  label: number;
  landmarks: ([number, number] | null)[];
  ignore: boolean;
}

/** One labelled picture: a class for the whole, or boxes. */
export interface LabelledPicture {
  split: (typeof SPLITS)[number];
  label?: number;
  boxes?: LabelledBox[];
  /** The picture itself; close it after use. */
  open(): Promise<ImageBitmap>;
}

export interface LabelledData {
  name: string;
  task: Task;
  labels: string[];
  /** Names of the landmarks, in the order of each box's. */
  keypoints: string[];
  pictures: LabelledPicture[];
}

interface Row extends Omit<LabelledPicture, 'open'> {
  file: string;
  offset: number;
  bytes: number;
}

/** Open the pack at an address, its folder. Throws ZooError for one that is not understood or was changed. */
export async function openPack(folder: URL, files: Files): Promise<LabelledData> {
  const base = new URL(folder);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const index = new URL(PACK_INDEX, base);
  const bytes = await files.getLatest(index, MAX_INDEX_BYTES, ADVICE);
  return readPack(bytes, index.pathname, (name, record) => files.get(new URL(name, base), record.sha256, record.bytes, true, ADVICE));
}

/** Open a pack whose files the visitor chose, `pack.json` among them. */
export async function openChosenPack(chosen: readonly File[]): Promise<LabelledData> {
  const find = (name: string) => {
    const found = chosen.find((file) => file.name === name);
    if (found === undefined) throw new ZooError(`'${name}' is missing. Choose pack.json together with all files beside it.`);
    return found;
  };
  const read = async (file: File) => new Uint8Array(await file.arrayBuffer());
  const index = find(PACK_INDEX);
  if (index.size > MAX_INDEX_BYTES) throw new ZooError(`'${index.name}' has ${index.size} bytes; at most ${MAX_INDEX_BYTES} are read.`);
  return readPack(await read(index), index.name, async (name, record) => {
    const bytes = await read(find(name));
    if (bytes.length !== record.bytes || (await sha256(bytes)) !== record.sha256) {
      throw new ZooError(`'${name}' was changed after packing: its SHA-256 differs. Choose the files of one pack.`);
    }
    return bytes;
  });
}

type Fetch = (name: string, record: FileRecord) => Promise<Uint8Array<ArrayBuffer>>;

async function readPack(bytes: Uint8Array, document: string, fetchFile: Fetch): Promise<LabelledData> {
  const { records, rows, ...facts } = parsePack(bytes, document);
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, record] of Object.entries(records)) contents.set(name, await fetchFile(name, record));
  const pictures = rows.map(({ file, offset, bytes: length, ...picture }) => ({
    ...picture,
    open: async () => decode(contents.get(file)!.subarray(offset, offset + length), `${document}: a picture in ${file}`),
  }));
  return { ...facts, pictures };
}

/** Decode a PNG or JPEG, its values as they are. */
export async function decode(bytes: Uint8Array<ArrayBuffer> | Blob, name: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: 'none' });
  } catch (error) {
    throw new ZooError(`${name} is no picture that this browser can read. Choose a PNG, JPEG or WebP file.`, { cause: error });
  }
}

/** Read and check the index of a pack. */
export function parsePack(bytes: Uint8Array, document: string): Omit<LabelledData, 'pictures'> & { records: Record<string, FileRecord>; rows: Row[] } {
  const check = new Checker(document, 'Pack the data again.');
  const raw = check.object(parseJson(bytes, document), 'its whole');
  if (raw.schema !== PACK_SCHEMA) {
    throw new ZooError(`${document} has schema ${JSON.stringify(raw.schema)}; this page reads '${PACK_SCHEMA}'. Update it.`);
  }
  const text = (value: unknown, where: string) => check.text(value, where);
  const records = checkFiles(check, raw.files);
  const total = Object.values(records).reduce((sum, record) => sum + record.bytes, 0);
  if (total > MAX_BYTES) throw new ZooError(`${document} tells of ${total} bytes; at most ${MAX_BYTES} are read. Pack fewer pictures.`);
  const labels = check.list(raw.labels, 'labels', text);
  if (labels.length === 0 || labels.length > MAX_LABELS) check.fail('labels', labels, `a list of 1 to ${MAX_LABELS} names`);
  const keypoints = check.list(raw.keypoints, 'keypoints', text);
  const rows = check.list(raw.pictures, 'pictures', (value, where): Row => {
    const row = check.object(value, where);
    const file = check.oneOf(row.file, `${where}.file`, Object.keys(records));
    const offset = check.whole(row.offset, `${where}.offset`, 0, records[file].bytes);
    check.whole(row.width, `${where}.width`, 1, MAX_SIDE);
    check.whole(row.height, `${where}.height`, 1, MAX_SIDE);
    const label = (one: unknown, at: string) => check.whole(one, at, 0, labels.length - 1);
    const point = (one: unknown, at: string): [number, number] | null => {
      if (one === null) return null;
      const [x, y] = check.list(one, at, (place, there) => check.number(place, there, -MAX_SIDE, 2 * MAX_SIDE));
      return [x, check.number(y, at)];
    };
    const boxes = (): LabelledBox[] =>
      check.list(row.boxes, `${where}.boxes`, (one, at) => {
        const box = check.object(one, at);
        const corners = check.list(box.box, `${at}.box`, (side, there) => check.number(side, there, 0, MAX_SIDE));
        if (corners.length !== 4) check.fail(`${at}.box`, corners, 'four numbers');
        return {
          box: corners as unknown as Box,
          label: label(box.label, `${at}.label`),
          landmarks: check.list(box.landmarks ?? [], `${at}.landmarks`, point),
          ignore: box.ignore === true,
        };
      });
    return {
      file,
      offset,
      bytes: check.whole(row.bytes, `${where}.bytes`, 1, records[file].bytes - offset),
      split: check.oneOf(row.split, `${where}.split`, SPLITS),
      ...(row.boxes === undefined ? { label: label(row.label, `${where}.label`) } : { boxes: boxes() }),
    };
  });
  if (rows.length === 0 || rows.length > MAX_PICTURES) {
    throw new ZooError(`${document} holds ${rows.length} pictures; 1 to ${MAX_PICTURES} can be trained on. Pack the data again.`);
  }
  return { name: text(raw.name, 'name'), task: check.oneOf(raw.task, 'task', TASKS), labels, keypoints, records, rows };
}
