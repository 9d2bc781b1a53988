/** Something that a user or a page's author can mend. The message is one or two sentences and the whole explanation. */
export class ZooError extends Error {
  override readonly name = 'ZooError';
}

/** None of the back ends that were wanted starts. */
export class NoBackend extends ZooError {}

/** First line of whatever was thrown, for use inside a sentence. */
export function reason(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0];
}

/** The network gave no answer; what is kept in this browser may still do. */
export class Unreachable extends ZooError {}
