/** Fetching bytes with a limit, and their SHA-256. */
import { Unreachable, ZooError, reason } from './errors.js';

/**
 * Fetch one file of at most `limit` bytes; stops as soon as more arrive. Redirects are refused, since they may lead to
 * another host. `advice` ends what is said of an error status. Throws Unreachable without network, ZooError for an error status or too many bytes.
 */
export async function download(url: URL, limit: number, advice = 'Check the address of the store, or publish again.'): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'error', cache: 'no-cache' });
  } catch (error) {
    throw new Unreachable(`${url} cannot be reached (${reason(error)}). Check the network and the address.`, { cause: error });
  }
  if (!response.ok) {
    throw new ZooError(`${url} answered with status ${response.status}. ${advice}`);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = (response.body ?? new Blob().stream()).getReader(); // status 204 has no body
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw new Unreachable(`${url} broke off after ${length} bytes (${reason(error)}). Try again.`, { cause: error });
    });
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      throw new ZooError(`${url} has more than the ${limit} bytes that are allowed. Do not use it; publish again.`);
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(length);
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

/** SHA-256 of bytes in lower-case hexadecimal. Browsers offer it to pages from https and from this machine only. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new ZooError('Hashes cannot be checked on a page without https. Serve the page over https or from localhost.');
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
