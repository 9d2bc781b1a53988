/** Files by their hash: from the cache when they are there, else from the network, and never unchecked. */
import type { Cache } from './cache.js';
import { download, sha256 } from './download.js';
import { Unreachable, ZooError, reason } from './errors.js';

export class Files {
  /** `onNotice` hears, in a sentence, when something could not be kept; the file itself is good then. */
  constructor(
    private readonly cache: Cache,
    private readonly onNotice: (sentence: string) => void,
  ) {}

  /** Bytes whose SHA-256 is `hash`. `limit` is how many there may be, or are where `isExact`; `advice` as `download` takes it. */
  async get(url: URL, hash: string, limit: number, isExact = false, advice?: string): Promise<Uint8Array<ArrayBuffer>> {
    const kept = await this.kept(hash);
    if (kept !== undefined && (await sha256(kept)) === hash) return kept;
    const bytes = await download(url, limit, advice);
    if (isExact && bytes.length !== limit) {
      throw new ZooError(`${url} has ${bytes.length} bytes where the manifest says ${limit}. Publish or upload it again.`);
    }
    if ((await sha256(bytes)) !== hash) {
      throw new ZooError(`${url} was changed after publishing: its SHA-256 differs. Do not use it; publish or upload it again.`);
    }
    void this.keep(hash, bytes);
    return bytes;
  }

  /** Bytes that change, such as a catalogue: from the network when it answers, else as they were the last time. */
  async getLatest(url: URL, limit: number, advice?: string): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const bytes = await download(url, limit, advice);
      void this.keep(url.href, bytes);
      return bytes;
    } catch (error) {
      const kept = error instanceof Unreachable ? await this.kept(url.href) : undefined;
      if (kept === undefined) throw error;
      return kept;
    }
  }

  private async kept(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await this.cache.get(key);
    } catch (error) {
      this.onNotice(`This browser cannot read what it kept (${reason(error)}), so it is fetched again.`);
      return undefined;
    }
  }

  /** Nobody waits for it: a picture can be looked at before its model is kept. */
  private async keep(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.cache.put(key, bytes);
    } catch (error) {
      this.onNotice(`This browser kept no copy for later (${reason(error)}). Free some of its storage.`);
    }
  }

  close(): void {
    this.cache.close();
  }
}
