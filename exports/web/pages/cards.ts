/** A card per model: its bytes, its metric with conditions, and, opened, everything that its manifest says. */
import type { Entry, Manifest, Zoo } from '../src/index.js';
import { element, facts } from './dom.js';
import { renderMarkdown } from './markdown.js';
import { kilobytes } from './page.js';
import { cardId } from './plot.js';

const CARD = 'card.md';
/** A longer card is shown as it is written. */
const MAX_RENDERED_BYTES = 200_000;
const PICTURE_TYPES: Record<string, string> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp' };
const MANY = 12;

/** The card of a model. `onTry` is called when the visitor wants to try it. */
export function card(zoo: Zoo, entry: Entry, onTry: () => void): HTMLElement {
  const score = entry.score === null ? 'undefined' : entry.score.toFixed(3);
  const details = element('details', {}, element('summary', {}, 'Card'));
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) void fill(details, zoo, entry);
  });
  return element(
    'article',
    { id: cardId(entry), tabIndex: -1, class: entry.task },
    element('h3', {}, entry.name),
    element('p', { class: 'task' }, entry.task),
    facts([
      ['bytes', `${entry.bytes.toLocaleString('en')} (${kilobytes(entry.gzip_bytes)} gzip)`],
      ['metric', `${entry.metric} ${score} on ${entry.metric_data}`],
      ['input', `${entry.input_size.join(' × ')} px, ${entry.precision} weights`],
    ]),
    element('button', { type: 'button', onclick: onTry, 'aria-label': `Try ${entry.name}` }, 'Try it'),
    details,
  );
}

async function fill(details: HTMLElement, zoo: Zoo, entry: Entry): Promise<void> {
  try {
    const manifest = await zoo.manifest(entry);
    const text = Object.hasOwn(manifest.files, CARD)
      ? new TextDecoder().decode(await zoo.file(entry, manifest, CARD))
      : undefined;
    details.append(factsOf(entry, manifest));
    if (text === undefined) return;
    if (text.length > MAX_RENDERED_BYTES) details.append(element('pre', {}, text));
    else details.append(renderMarkdown(text, (path, alt) => picture(zoo, entry, manifest, path, alt)));
  } catch (error) {
    details.append(element('p', { class: 'problem' }, (error as Error).message));
  }
}

/** A picture of the artifact's own, checked by its hash; any other is left out, and what it shows is said. */
function picture(zoo: Zoo, entry: Entry, manifest: Manifest, path: string, alt: string): Node {
  const type = PICTURE_TYPES[path.split('.').at(-1)!.toLowerCase()];
  if (type === undefined || !Object.hasOwn(manifest.files, path)) return element('em', {}, `[${alt || 'a picture'}]`);
  const image = element('img', { alt });
  const load = async () => {
    const address = URL.createObjectURL(new Blob([await zoo.file(entry, manifest, path)], { type }));
    image.onload = image.onerror = () => URL.revokeObjectURL(address);
    image.src = address;
  };
  load().catch((error: Error) => image.replaceWith(element('span', { class: 'problem' }, `${alt}: ${error.message}`)));
  return image;
}

type Metric = { name: string; value: number | null; data: string; split: string; pictures: number; precision: string };
type Training = { seed?: number; batch_size?: number; learning_rate?: number; trials?: number };

function factsOf(entry: Entry, manifest: Manifest): HTMLElement {
  const training = (manifest.training ?? {}) as Training;
  const labels = manifest.labels.slice(0, MANY).join(', ') + (manifest.labels.length > MANY ? ', …' : '');
  const metrics = ((manifest.metrics ?? []) as Metric[]).map(
    ({ name, value, data, split, pictures, precision }) =>
      `${name} ${value?.toFixed(4) ?? 'undefined'} on ${pictures} pictures of ${data} ${split}, ${precision}`,
  );
  return facts([
    ['what', String(manifest.summary ?? '')],
    ['paper', String(manifest.paper ?? '')],
    ['labels', labels || 'none'],
    ['measured', element('ul', {}, ...metrics.map((metric) => element('li', {}, metric)))],
    ['training', `batches of ${training.batch_size}, learning rate ${training.learning_rate}, seed ${training.seed}`],
    ['version', `${entry.version}, published ${entry.created}`],
    ['manifest', element('code', {}, `sha256 ${entry.manifest_sha256}`)],
  ]);
}
