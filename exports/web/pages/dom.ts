/** Building elements. Texts become text nodes, never markup, so what a model's card says cannot run. */

type Child = Node | string;

/** An element with properties (`class`, `aria-…` and the like as attributes) and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Record<string, unknown> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  setAll(made, properties);
  made.append(...children);
  return made;
}

/** The same for SVG, all properties as attributes. */
export function svg(tag: string, attributes: Record<string, unknown> = {}, ...children: Child[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

function setAll(target: HTMLElement, properties: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(properties)) {
    if (name in target && name !== 'list') Object.assign(target, { [name]: value });
    else target.setAttribute(name, String(value));
  }
}

/** The element with an id, of the class that the page's markup gives it. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} '${id}'.`);
  return found;
}

/** Rows of terms and what they are. */
export function facts(rows: [string, Child][]): HTMLDListElement {
  return element('dl', {}, ...rows.flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, value)]));
}
