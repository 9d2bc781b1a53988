/** What a model found, as a list that can be read aloud. */
import type { Classification, Detection } from '../src/index.js';
import { element } from './dom.js';

const SHOWN = 8;

export function describeDetections(found: readonly Detection[]): HTMLElement {
  const items = found.slice(0, SHOWN).map(({ label, score, box }) => {
    const place = [box.x, box.y, box.width, box.height].map(Math.round);
    return element('li', {}, `${label} ${score.toFixed(2)} at ${place[0]}, ${place[1]}, ${place[2]} × ${place[3]} px`);
  });
  return element('ol', {}, ...items);
}

export function describeClasses(found: readonly Classification[]): HTMLElement {
  const items = found.slice(0, SHOWN).map(({ label, score }) => {
    const meter = element('meter', { min: 0, max: 1, value: score, 'aria-hidden': 'true' });
    return element('li', {}, meter, ` ${label} ${(100 * score).toFixed(1)} %`);
  });
  return element('ol', { class: 'classes' }, ...items);
}
