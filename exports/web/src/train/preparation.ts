/** What `prepare` is given, checked in the page, and made complete for the worker. */
import { TASKS } from '../contract.js';
import { ZooError } from '../errors.js';
import { address, checkOptions, needed, oneOf, shown, whole, type Rule, type Rules } from '../options.js';
import { addressOf } from '../zoo.js';
import type { DataSource, Preparation } from './messages.js';
import { STARTS } from './starts.js';

type Labelled = Extract<DataSource, { labels: string[] }>;

const reference: Rule = { is: "'name', 'name@version' or an entry of find", allows: (value) => typeof value === 'string' || isObject(value) };
const data: Rule = { is: '{ pack }, { files } or { labels, task, pictures }', allows: isObject };
const list: Rule = { is: 'a list that is not empty', allows: (value) => isIterable(value) && [...value].length > 0 };
const PREPARATION_RULES: Rules<Preparation> = {
  reference: needed(reference),
  start: needed(oneOf(STARTS)),
  data: needed(data),
  seed: whole(0),
};
const LABELLED_RULES: Rules<Labelled> = { labels: needed(list), task: needed(oneOf(TASKS)), pictures: needed(list) };

/** The same preparation with a complete address. Throws ZooError for a misspelt name or a value of another kind. */
export function checkPreparation(preparation: Preparation): Preparation {
  checkOptions('prepare', preparation, PREPARATION_RULES);
  return { ...preparation, data: checkData(preparation.data) };
}

function checkData(source: DataSource): DataSource {
  if ('pack' in source) {
    checkOptions('data', source, { pack: needed(address) });
    return { pack: addressOf(source.pack, 'A data pack').href };
  }
  if ('files' in source) {
    checkOptions('data', source, { files: needed(list) });
    return { files: [...source.files] };
  }
  if ('pictures' in source) {
    checkOptions<Labelled>('data', source, LABELLED_RULES);
    return source;
  }
  throw new ZooError(`data of prepare is ${data.is}, got ${shown(source)}. Give one of these.`);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return isObject(value) && Symbol.iterator in (value as object);
}
