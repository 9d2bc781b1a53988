/** The list of what is published, and looking models up in it: the twin of `zoo/catalog.py`. */
import { Checker, parseJson } from './check.js';
import { TASKS, type Task } from './contract.js';
import { ZooError } from './errors.js';
import { MAX_FILE_BYTES } from './limits.js';
import { checkPath } from './manifest.js';
import { checkOptions, number, shown, text, type Rules } from './options.js';

export const CATALOG_SCHEMA = 'pocket-zoo/catalog/1';
export const LATEST = 'latest';

/** One published version. `score` is the value of `metric`, null where it is undefined. */
export interface Entry {
  name: string;
  version: string;
  task: Task;
  path: string;
  bytes: number;
  gzip_bytes: number;
  input_size: [height: number, width: number];
  labels: string[];
  metric: string;
  score: number | null;
  metric_data: string;
  precision: string;
  created: string;
  manifest_sha256: string;
}

/** Versions by alias, by model. */
export type Aliases = Record<string, Record<string, string>>;

export interface Catalog {
  entries: Entry[];
  aliases: Aliases;
}

export interface Query {
  task?: Task;
  /** Largest artifact, topology plus weights. */
  maxBytes?: number;
  /** Lowest score, 0 to 1. */
  minMetric?: number;
  name?: string;
}

const QUERY_RULES: Rules<Query> = { task: text, maxBytes: number(0), minMetric: number(), name: text };

export function parseCatalog(bytes: Uint8Array, document: string): Catalog {
  const check = new Checker(document);
  const raw = check.object(parseJson(bytes, document), 'its whole');
  if (raw.schema !== CATALOG_SCHEMA) {
    throw new ZooError(`${document} has schema ${JSON.stringify(raw.schema)}; this page reads '${CATALOG_SCHEMA}'. Update it.`);
  }
  const side = (value: unknown, at: string) => check.whole(value, at, 1, MAX_FILE_BYTES);
  const entries = check.list(raw.models, 'models', (value, where): Entry => {
    const row = check.object(value, where);
    const text = (key: string) => check.text(row[key], `${where}.${key}`);
    const size = check.list(row.input_size, `${where}.input_size`, side);
    return {
      name: text('name'),
      version: text('version'),
      task: check.oneOf(row.task, `${where}.task`, TASKS),
      path: checkPath(check, text('path')),
      bytes: check.whole(row.bytes, `${where}.bytes`, 1, MAX_FILE_BYTES),
      gzip_bytes: check.whole(row.gzip_bytes, `${where}.gzip_bytes`, 1, MAX_FILE_BYTES),
      input_size: [size[0], size[1]],
      labels: check.list(row.labels, `${where}.labels`, (label, at) => check.text(label, at)),
      metric: text('metric'),
      score: row.score === null ? null : check.number(row.score, `${where}.score`),
      metric_data: text('metric_data'),
      precision: text('precision'),
      created: text('created'),
      manifest_sha256: check.text(row.manifest_sha256, `${where}.manifest_sha256`, /^[0-9a-f]{64}$/),
    };
  });
  return { entries, aliases: checkAliases(check, raw.aliases ?? {}) };
}

function checkAliases(check: Checker, value: unknown): Aliases {
  const byModel = Object.entries(check.object(value, 'aliases')).map(([name, aliases]) => {
    const pairs = Object.entries(check.object(aliases, `aliases.${name}`));
    return [name, Object.fromEntries(pairs.map(([alias, version]) => [alias, check.text(version, `aliases.${name}.${alias}`)]))];
  });
  return Object.fromEntries(byModel) as Aliases;
}

/** Of each model the newest version that fits; best score first, then fewest bytes. */
export function findEntries(entries: readonly Entry[], query: Query = {}): Entry[] {
  checkOptions('find', query, QUERY_RULES);
  const { task, maxBytes = Infinity, minMetric = -Infinity, name } = query;
  if (task !== undefined && !TASKS.includes(task)) {
    throw new ZooError(`Unknown task '${task}'. Tasks are: ${TASKS.join(', ')}.`);
  }
  const newest = new Map<string, Entry>();
  for (const entry of entries) {
    const fits =
      (task === undefined || entry.task === task) &&
      (name === undefined || entry.name === name) &&
      entry.bytes <= maxBytes &&
      (entry.score ?? -1) >= minMetric;
    const before = newest.get(entry.name);
    if (fits && (before === undefined || entry.created > before.created)) newest.set(entry.name, entry);
  }
  const score = (entry: Entry) => entry.score ?? -1;
  return [...newest.values()].sort((a, b) => score(b) - score(a) || a.bytes - b.bytes || (a.name < b.name ? -1 : 1));
}

/** What names a published version: 'name', 'name@latest', 'name@alias', 'name@version', or an entry, which means itself. */
export type Reference = string | Pick<Entry, 'name' | 'version'>;

/** The entry that a reference means. Throws ZooError when it is not published. */
export function resolve({ entries, aliases }: Catalog, reference: Reference): Entry {
  if (typeof reference !== 'string') return resolveEntry(entries, reference);
  const [name, wanted = LATEST] = reference.split('@', 2);
  const versions = entries.filter((entry) => entry.name === name);
  if (versions.length === 0) {
    const names = [...new Set(entries.map((entry) => entry.name))].sort().join(', ') || 'nothing';
    throw new ZooError(`No model '${name}' is published here; published: ${names}.`);
  }
  const named = Object.hasOwn(aliases, name) && Object.hasOwn(aliases[name], wanted) ? aliases[name][wanted] : wanted;
  if (named === LATEST) return findEntries(versions)[0];
  const found = versions.find((entry) => entry.version === named);
  if (found === undefined) {
    const known = versions.map((entry) => entry.version).join(', ');
    throw new ZooError(`Model '${name}' has no version '${wanted}'; it has ${LATEST}, ${known}.`);
  }
  return found;
}

function resolveEntry(entries: readonly Entry[], given: Exclude<Reference, string>): Entry {
  if (typeof given?.name !== 'string' || typeof given.version !== 'string') {
    throw new ZooError(`A model is named by 'name', 'name@version' or an entry of find, got ${shown(given)}. Name one that is published.`);
  }
  const { name, version } = given;
  const found = entries.find((entry) => entry.name === name && entry.version === version);
  if (found === undefined) throw new ZooError(`Model '${name}' has no version '${version}' in this store. Look it up with find.`);
  return found;
}
