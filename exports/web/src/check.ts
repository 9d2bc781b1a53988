/**
 * Reading JSON with suspicion: each function returns its value with a type, or throws a ZooError that says where in
 * which document something else was found.
 */
import { ZooError } from './errors.js';

const SHOWN_CHARACTERS = 60;
/** No honest document is nested deeper, and what walks through one by recursion would run out of stack. */
const MAX_NESTING = 32;

/** Parse bytes as JSON. `document` names them in errors. */
export function parseJson(bytes: Uint8Array, document: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ZooError(`${document} is not readable JSON. Publish the model again.`, { cause: error });
  }
  let level = [parsed];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_NESTING) throw new ZooError(`${document} is nested deeper than ${MAX_NESTING} levels. Do not use it.`);
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return parsed;
}

/** Checks the values of one document. `advice` ends each sentence. */
export class Checker {
  constructor(
    readonly document: string,
    private readonly advice = 'Publish the model again.',
  ) {}

  fail(where: string, value: unknown, wanted: string): never {
    const shown = (JSON.stringify(value) ?? 'nothing').slice(0, SHOWN_CHARACTERS);
    throw new ZooError(`${this.document} has ${shown} as ${where}, which has to be ${wanted}. ${this.advice}`);
  }

  object(value: unknown, where: string): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.fail(where, value, 'an object');
    return value as Record<string, unknown>;
  }

  text(value: unknown, where: string, pattern?: RegExp): string {
    if (typeof value !== 'string') this.fail(where, value, 'a text');
    if (pattern && !pattern.test(value)) this.fail(where, value, `a text like ${pattern.source}`);
    return value;
  }

  number(value: unknown, where: string, low = -Infinity, high = Infinity): number {
    if (typeof value !== 'number' || !Number.isFinite(value)) this.fail(where, value, 'a number');
    if (value < low || value > high) this.fail(where, value, `a number from ${low} to ${high}`);
    return value;
  }

  whole(value: unknown, where: string, low: number, high: number): number {
    if (!Number.isInteger(value)) this.fail(where, value, 'a whole number');
    return this.number(value, where, low, high);
  }

  oneOf<T extends string | number>(value: unknown, where: string, known: readonly T[]): T {
    if (!known.includes(value as T)) this.fail(where, value, `one of ${known.join(', ')}`);
    return value as T;
  }

  list<T>(value: unknown, where: string, each: (value: unknown, where: string) => T, most = Infinity): T[] {
    if (!Array.isArray(value)) this.fail(where, value, 'a list');
    if (value.length > most) this.fail(where, value, `a list of at most ${most}`);
    return value.map((one, index) => each(one, `${where}[${index}]`));
  }

  /** The same list, whose texts have to be different. */
  distinct(texts: string[], where: string): string[] {
    const seen = new Set<string>();
    for (const text of texts) {
      if (seen.has(text)) this.fail(where, text, 'different each time');
      seen.add(text);
    }
    return texts;
  }
}
