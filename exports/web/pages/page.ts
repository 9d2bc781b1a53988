/** What all pages share: the store, the sentence that says what went wrong, and staying usable without network. */
import { NoBackend } from '../src/errors.js';
import { BACKENDS, createWorkerZoo, openZoo, type WorkerZoo, type Zoo } from '../src/index.js';
import { byId, element } from './dom.js';

export const STORE = new URL('store/', document.baseURI);
/** Pages and their scripts, kept by `sw.ts`. */
const PAGES_CACHE = 'pocket-zoo-pages';
/** The choice of whichever back end works. */
export const FASTEST = 'auto';

declare const WASM_PATH: string; // set by vite.config.ts
export const WASM = WASM_PATH;

/** Show a sentence above everything else, or hide it. */
export function tell(problem: unknown): void {
  const notice = byId('notice', HTMLParagraphElement);
  notice.textContent = sentence(problem);
  notice.hidden = notice.textContent === '';
}

function sentence(problem: unknown): string {
  if (problem instanceof NoBackend) {
    const { value } = byId('backend', HTMLSelectElement);
    if (value === FASTEST) return 'This browser offers nothing that models could compute on. Use another browser.';
    return `The backend ${value} does not start in this browser. Choose another one: 'fastest' takes one that works.`;
  }
  return problem instanceof Error ? problem.message : String(problem ?? '');
}

const unknown: string[] = [];

/** What the address asks for with `?name=`, where it is one of those known; else it is noted for `tellUnknown`. */
export function asked(name: string, known: readonly string[]): string | undefined {
  const wanted = new URLSearchParams(location.search).get(name);
  if (wanted === null || known.includes(wanted)) return wanted ?? undefined;
  unknown.push(`The address asks for the ${name} '${wanted}', which is not offered here. Choose one from the list.`);
  return undefined;
}

/** Say what the address asked for in vain, unless something else is told. */
export function tellUnknown(): void {
  if (unknown.length > 0 && byId('notice', HTMLParagraphElement).hidden) tell(unknown.join(' '));
}

/** Run what a control asks for; what goes wrong is told, not lost. Says whether it went well. */
export async function attempt(work: () => Promise<void> | void): Promise<boolean> {
  try {
    tell('');
    await work();
    return true;
  } catch (error) {
    tell(error);
    return false;
  }
}

export function openStore(): Promise<Zoo> {
  return openZoo(STORE, { onNotice: tell });
}

/** Models that compute beside the page, on one back end or on the first that works. */
export function openWorker(backend: string): Promise<WorkerZoo> {
  const backends = BACKENDS.filter((name) => backend === FASTEST || name === backend);
  return createWorkerZoo(STORE, { backends, wasmPath: WASM_PATH, onNotice: tell });
}

/** Fill a select with the back ends; returns it. `?backend=wasm` in the address chooses. */
export function backendSelect(id: string): HTMLSelectElement {
  const select = byId(id, HTMLSelectElement);
  select.append(element('option', { value: FASTEST }, 'fastest'));
  for (const name of BACKENDS) select.append(element('option', { value: name }, name));
  select.value = asked('backend', [FASTEST, ...BACKENDS]) ?? FASTEST;
  return select;
}

/** Pictures of every task that the server generates, by task. */
export async function samples(): Promise<Record<string, string[]>> {
  const response = await fetch(new URL('samples/index.json', document.baseURI));
  if (!response.ok) throw new Error('The sample pictures are not there. Upload a picture instead.');
  return (await response.json()) as Record<string, string[]>;
}

export function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(bytes < 100_000 ? 1 : 0)} kB`;
}

/** Load a picture from an address or a file that the visitor chose. */
export async function loadPicture(source: string | File): Promise<HTMLImageElement> {
  const image = new Image();
  const address = typeof source === 'string' ? source : URL.createObjectURL(source);
  image.src = address;
  try {
    await image.decode();
  } catch (error) {
    const name = typeof source === 'string' ? source : source.name;
    throw new Error(`'${name}' is no picture that this browser can show. Choose a PNG, JPEG or WebP file.`, { cause: error });
  } finally {
    if (typeof source !== 'string') URL.revokeObjectURL(address);
  }
  return image;
}

/**
 * Keep the pages for visits without network: starts the service worker, which keeps what is fetched from then on. Where
 * the browser refuses, every visit needs the network.
 */
export async function startOffline(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register('sw.js');
    await navigator.serviceWorker.ready;
  } catch (error) {
    console.info('No visits without network:', error);
  }
}

/** Keep what was fetched before the service worker was there, too. */
export async function keepPage(): Promise<void> {
  if (!('caches' in globalThis)) return;
  const fetched = performance.getEntriesByType('resource').map(({ name }) => new URL(name));
  const own = fetched.filter(({ href, origin }) => origin === location.origin && !href.startsWith(STORE.href));
  const cache = await caches.open(PAGES_CACHE);
  for (const url of [new URL(location.pathname, location.href), ...own]) {
    if (!(await cache.match(url))) await cache.add(url.href);
  }
}
