/** Options of a call, checked: a misspelt name or a value of another type is refused in a sentence, not ignored. */
import { ZooError } from './errors.js';

const SHOWN_CHARACTERS = 60;

/** What an option may be, and how a sentence says so. */
export interface Rule {
  is: string;
  allows(value: unknown): boolean;
  isNeeded?: boolean;
}

/** A rule for each option of a call. */
export type Rules<T extends object> = { [Name in keyof Required<T>]: Rule };

export const flag: Rule = { is: 'true or false', allows: (value) => typeof value === 'boolean' };
export const text: Rule = { is: 'a text', allows: (value) => typeof value === 'string' };
export const callback: Rule = { is: 'a function', allows: (value) => typeof value === 'function' };
export const address: Rule = { is: 'an address, a text or a URL', allows: (value) => typeof value === 'string' || value instanceof URL };

export function number(low = -Infinity, high = Infinity): Rule {
  const allows = (value: unknown) => typeof value === 'number' && value >= low && value <= high;
  return { is: `a number${range(low, high)}`, allows };
}

export function positive(high = Infinity): Rule {
  const allows = (value: unknown) => typeof value === 'number' && value > 0 && value <= high;
  return { is: high === Infinity ? 'a number above 0' : `a number above 0 and at most ${high}`, allows };
}

export function whole(low: number): Rule {
  const allows = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= low;
  return { is: low === 1 ? 'a whole number above 0' : `a whole number from ${low}`, allows };
}

export function oneOf(known: readonly string[]): Rule {
  return { is: `one of ${known.join(', ')}`, allows: (value) => known.includes(value as string) };
}

/** A list that is not empty, of texts such as the `known` ones. */
export function listOf(known: readonly string[]): Rule {
  const allows = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
  return { is: `a list of one or more of ${known.join(', ')}`, allows };
}

export function needed(rule: Rule): Rule {
  return { ...rule, isNeeded: true };
}

function range(low: number, high: number): string {
  if (low === -Infinity) return '';
  return high === Infinity ? ` from ${low}` : ` from ${low} to ${high}`;
}

/** What was given, for use inside a sentence. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return `'${value.slice(0, SHOWN_CHARACTERS)}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  const kind = kindOf(value);
  return kind === 'Object' ? 'a plain object' : `an object of the kind ${kind}`;
}

/** The name of an object's class, which is the same for those of other frames. */
export function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** Throw ZooError for options of `call` that are no object, bear an unknown name or break a rule. */
export function checkOptions<T extends object>(call: string, options: T, rules: Rules<T>): void {
  const names = Object.keys(rules);
  const known = names.length === 0 ? 'It has none.' : `Its options are: ${names.join(', ')}.`;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ZooError(`${call} takes its options as an object { name: value }, got ${shown(options)}. ${known}`);
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new ZooError(`${call} has no option ${shown(unknown)}. ${known}`);
  for (const [name, rule] of Object.entries<Rule>(rules)) {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined && !rule.isNeeded) continue;
    if (!rule.allows(value)) {
      const advice = rule.isNeeded ? 'Give one.' : 'Change it or leave it out.';
      throw new ZooError(`${name} of ${call} is ${rule.is}, got ${shown(value)}. ${advice}`);
    }
  }
}
