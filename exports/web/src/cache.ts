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

/**
 * Open the database. Rejects where the browser refuses, as in some private windows. Another page, or `clearCache`, may
 * want it gone, which an open connection would hold up for good: it is let go then, and opened again by its next use.
 * Once closed, a cache keeps nothing.
 */
export async function openCache(): Promise<Cache> {
  let connection: Promise<IDBDatabase> | undefined;
  let isClosed = false;
  const letGo = () => {
    void connection?.then((database) => database.close());
    connection = undefined;
  };
  const opened = () =>
    (connection ??= connect(letGo).catch((error: unknown) => {
      connection = undefined; // the next use tries again
      throw error;
    }));
  const store = async (mode: IDBTransactionMode) => (await opened()).transaction(STORE, mode).objectStore(STORE);
  await opened();
  return {
    get: async (key) => (isClosed ? undefined : settled((await store('readonly')).get(key))),
    put: async (key, bytes) => void (isClosed || (await settled((await store('readwrite')).put(bytes, key)))),
    close: () => {
      isClosed = true;
      letGo();
    },
  };
}

/** Forget everything that was kept, in all pages of this host; those that are open keep anew what they fetch next. */
export async function clearCache(): Promise<void> {
  await settled(indexedDB.deleteDatabase(DATABASE));
}

async function connect(onUnwanted: () => void): Promise<IDBDatabase> {
  const opening = indexedDB.open(DATABASE, VERSION);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  database.onversionchange = onUnwanted;
  database.onclose = onUnwanted; // the browser itself let it go
  return database;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
