/** What a data pack is labelled for, before it is opened for training. */
import { TASKS } from '../src/index.js';
import type { Task } from '../src/index.js';

export const PACK_INDEX = 'pack.json';
const found = new Map<string, Promise<Task | undefined>>();

/** The task of a pack's index, a chosen file or at an address; undefined where it cannot be told, which opening it explains. */
export function taskOf(index: File | URL): Promise<Task | undefined> {
  if (index instanceof File) return read(() => index.text());
  const known = found.get(index.href) ?? read(async () => (await fetch(index)).text());
  found.set(index.href, known);
  return known;
}

async function read(text: () => Promise<string>): Promise<Task | undefined> {
  try {
    const { task } = JSON.parse(await text()) as { task?: unknown };
    return TASKS.find((one) => one === task);
  } catch (error) {
    console.info('The task of a pack is not known yet:', error);
    return undefined;
  }
}
