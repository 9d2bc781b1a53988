/**
 * Reading JSON with suspicion: each function returns its value with a type, or throws a ZooError that says where in
 * which document something else was found.
 */
import { ZooError } from './errors.js';

const SHOWN_CHARACTERS = 60;

/** Parse bytes as JSON. `document` names them in errors. */
export function parseJson(bytes: Uint8Array, document: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ZooError(`${document} is not readable JSON. Publish the model again.`, { cause: error });
  }
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

  list<T>(value: unknown, where: string, each: (value: unknown, where: string) => T): T[] {
    if (!Array.isArray(value)) this.fail(where, value, 'a list');
    return value.map((one, index) => each(one, `${where}[${index}]`));
  }
}
