/** Downloads stop at their limit, hashes are checked wherever bytes come from, and the second time needs no network. */
import 'fake-indexeddb/auto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clearCache, openCache, type Cache } from '../src/cache.js';
import { sha256 } from '../src/download.js';
import { Unreachable } from '../src/errors.js';
import { Files } from '../src/files.js';

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
let server: Server;
let address: string;
let asked = 0;
let hash: string;
let cache: Cache;
let notices: string[];

beforeAll(async () => {
  hash = await sha256(CONTENT);
  server = createServer((request, response) => {
    asked++;
    if (request.url === '/good') response.end(CONTENT);
    else if (request.url === '/away') response.writeHead(302, { location: '/good' }).end();
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(async () => {
  cache?.close();
  await clearCache();
  cache = await openCache();
  [asked, notices] = [0, []];
});

const files = () => new Files(cache, (sentence) => notices.push(sentence));
const url = (path: string) => new URL(path, address);

describe('files', () => {
  it('come from the network once', async () => {
    expect(await files().get(url('/good'), hash, CONTENT.length, true)).toEqual(CONTENT);
    expect(await files().get(url('/good'), hash, CONTENT.length, true)).toEqual(CONTENT);
    expect(asked).toBe(1);
  });

  it('that were changed are refused and not kept', async () => {
    const other = 'b'.repeat(64);
    await expect(files().get(url('/good'), other, CONTENT.length)).rejects.toThrow('its SHA-256 differs');
    expect(await cache.get(other)).toBeUndefined();
  });

  it('that rotted in the cache are fetched again', async () => {
    await cache.put(hash, CONTENT.slice(1));
    expect(await files().get(url('/good'), hash, CONTENT.length)).toEqual(CONTENT);
    expect(asked).toBe(1);
  });

  it('stop at their limit', async () => {
    await expect(files().get(url('/good'), hash, 1_000)).rejects.toThrow('more than the 1000 bytes');
  });

  it('that are shorter than declared are refused', async () => {
    await expect(files().get(url('/good'), hash, CONTENT.length + 1, true)).rejects.toThrow('where the manifest says');
  });

  it('that are missing, or lead elsewhere, are sentences', async () => {
    await expect(files().get(url('/none'), hash, 1_000)).rejects.toThrow('status 404');
    await expect(files().get(url('/away'), hash, CONTENT.length)).rejects.toThrow(Unreachable);
  });

  it('that change come from the network, or as they were', async () => {
    expect(await files().getLatest(url('/good'), CONTENT.length)).toEqual(CONTENT);
    await cache.put('http://127.0.0.1:9/catalog.json', CONTENT);
    expect(await files().getLatest(new URL('http://127.0.0.1:9/catalog.json'), CONTENT.length)).toEqual(CONTENT);
    await expect(files().getLatest(new URL('http://127.0.0.1:9/other.json'), 9)).rejects.toThrow('cannot be reached');
  });

  it('that cannot be kept are good all the same, and told', async () => {
    const full: Cache = { ...cache, put: () => Promise.reject(new Error('QuotaExceededError')) };
    const kept = new Files(full, (sentence) => notices.push(sentence));
    expect(await kept.get(url('/good'), hash, CONTENT.length)).toEqual(CONTENT);
    expect(notices).toEqual(['This browser kept no copy for later (QuotaExceededError). Free some of its storage.']);
  });

  it('are forgotten while others have them open, and kept again afterwards', async () => {
    await files().get(url('/good'), hash, CONTENT.length);
    const other = await openCache();
    await clearCache();
    expect(await cache.get(hash)).toBeUndefined();
    await files().get(url('/good'), hash, CONTENT.length);
    expect(await other.get(hash)).toEqual(CONTENT);
    other.close();
    expect([asked, notices]).toEqual([2, []]);
  });

  it('come from the network once the storage was closed', async () => {
    await files().get(url('/good'), hash, CONTENT.length);
    cache.close();
    expect(await files().get(url('/good'), hash, CONTENT.length)).toEqual(CONTENT);
    expect([asked, notices]).toEqual([2, []]);
  });

  it('come from the network where the storage breaks, and that is told', async () => {
    const broken = { get: () => Promise.reject(new Error('disk error')), put: () => Promise.reject(new Error('disk error')), close: () => {} };
    const reading = new Files(broken, (sentence) => notices.push(sentence));
    expect(await reading.get(url('/good'), hash, CONTENT.length)).toEqual(CONTENT);
    expect(notices[0]).toBe('This browser cannot read what it kept (disk error), so it is fetched again.');
  });
});
