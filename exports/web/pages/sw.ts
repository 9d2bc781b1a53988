/**
 * Keeps the pages themselves for visits without network; the runtime keeps models in IndexedDB by itself. The network
 * is asked first, so that a new version shows at once, and what it answers is kept.
 */
interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const CACHE = 'pocket-zoo-pages';

self.addEventListener('install', () => void (self as unknown as { skipWaiting(): Promise<void> }).skipWaiting());
self.addEventListener('activate', (event) => {
  const { clients } = self as unknown as { clients: { claim(): Promise<void> } };
  (event as unknown as { waitUntil(work: Promise<void>): void }).waitUntil(clients.claim());
});
self.addEventListener('fetch', (event) => {
  const { request, respondWith } = event as FetchEvent;
  const { origin, pathname } = new URL(request.url);
  const isPage = request.method === 'GET' && origin === self.location.origin && !pathname.includes('/store/');
  if (isPage) respondWith.call(event, answer(request));
});

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept === undefined) throw error;
    return kept;
  }
}
