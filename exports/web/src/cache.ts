/** Bytes kept in IndexedDB between visits, by a key: files by their SHA-256, catalogues by their address. */

const DATABASE = 'pocket-zoo';
const STORE = 'files';
const VERSION = 1;

export interface Cache {
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  put(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): void;
}

/** Keeps nothing: for pages that want no storage, and browsers that offer none. */
export const NO_CACHE: Cache = { get: async () => undefined, put: async () => {}, close: () => {} };

/** Open the database. Rejects where the browser refuses, as in some private windows. */
export async function openCache(): Promise<Cache> {
  const opening = indexedDB.open(DATABASE, VERSION);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  const store = (mode: IDBTransactionMode) => database.transaction(STORE, mode).objectStore(STORE);
  return {
    get: (key) => settled(store('readonly').get(key)),
    put: async (key, bytes) => void (await settled(store('readwrite').put(bytes, key))),
    close: () => database.close(),
  };
}

/** Forget everything that was kept. */
export async function clearCache(): Promise<void> {
  await settled(indexedDB.deleteDatabase(DATABASE));
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
