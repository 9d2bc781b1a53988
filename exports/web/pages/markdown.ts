/**
 * Model cards, written in the part of Markdown that they use: headings, paragraphs, lists, tables, code, emphasis and
 * pictures. All else, HTML among it, stays the text that it is: elements are made one by one, from texts alone.
 */
import { element } from './dom.js';

export type Inline =
  | string
  | { kind: 'code'; text: string }
  | { kind: 'strong' | 'em'; parts: Inline[] }
  | { kind: 'picture'; alt: string; path: string };

export type Block =
  | { kind: 'heading'; level: number; parts: Inline[] }
  | { kind: 'paragraph'; parts: Inline[] }
  | { kind: 'list'; isNumbered: boolean; items: Inline[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'code'; text: string };

/** Each alternative ends at the next of its own marks, so that no text takes long. */
const INLINE = /`([^`]+)`|!\[([^[\]]*)\]\(([^()\s]*)\)|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|(?<!\w)_([^_\s][^_]*)_(?!\w)/g;
const FENCE = /^```/;
const HEADING = /^(#{1,6}) +(.*)$/;
const ITEM = /^ {0,3}(?:[-*+]|(\d{1,9})[.)]) +(.*)$/;
const ROW = /^ *\|/;
const RULE = /^ *\|?[ :|-]*-[ :|-]*$/;
/** The page's own headings go down to this level. */
const LEVELS_ABOVE = 3;

export function parseInline(text: string): Inline[] {
  const parts: Inline[] = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, code, alt, path, strong, starred, underlined] = found;
    if (found.index > end) parts.push(text.slice(end, found.index));
    end = found.index + whole.length;
    if (code !== undefined) parts.push({ kind: 'code', text: code });
    else if (path !== undefined) parts.push({ kind: 'picture', alt, path });
    else if (strong !== undefined) parts.push({ kind: 'strong', parts: parseInline(strong) });
    else parts.push({ kind: 'em', parts: parseInline(starred ?? underlined) });
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

export function parseMarkdown(text: string): Block[] {
  const lines = text.split(/\r?\n/);
  const blocks: Block[] = [];
  let at = 0;
  const take = (isMore: (line: string) => boolean) => {
    const start = at;
    while (at < lines.length && isMore(lines[at])) at++;
    return lines.slice(start, at);
  };
  while (at < lines.length) {
    const line = lines[at];
    const heading = HEADING.exec(line);
    const item = ITEM.exec(line);
    if (line.trim() === '') at++;
    else if (FENCE.test(line)) {
      at++;
      blocks.push({ kind: 'code', text: take((one) => !FENCE.test(one)).join('\n') });
      at++;
    } else if (heading) {
      at++;
      blocks.push({ kind: 'heading', level: heading[1].length, parts: parseInline(heading[2]) });
    } else if (item) {
      const items = take((one) => ITEM.test(one) || /^ +\S/.test(one));
      blocks.push({ kind: 'list', isNumbered: item[1] !== undefined, items: joined(items).map(parseInline) });
    } else if (ROW.test(line) && RULE.test(lines[at + 1] ?? '')) {
      const [head, , ...rows] = take((one) => ROW.test(one)).map(cells);
      blocks.push({ kind: 'table', head, rows });
    } else {
      const isFirst = at;
      const isMore = (one: string) => one.trim() !== '' && !FENCE.test(one) && !HEADING.test(one) && !ITEM.test(one);
      blocks.push({ kind: 'paragraph', parts: parseInline(take((one) => at === isFirst || isMore(one)).join(' ')) });
    }
  }
  return blocks;
}

/** Items of a list, each with the lines that go on with it. */
function joined(lines: string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item) items.push(item[2]);
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  return items;
}

function cells(row: string): Inline[][] {
  const inner = row.trim().replace(/^\|/, '').replace(/\|$/, '');
  return inner.split('|').map((cell) => parseInline(cell.trim()));
}

/** Make elements of a card. `picture` makes that of a picture by its path and description. */
export function renderMarkdown(text: string, picture: (path: string, alt: string) => Node): HTMLElement {
  const nodes = (parts: Inline[]): Node[] =>
    parts.map((part) => {
      if (typeof part === 'string') return document.createTextNode(part);
      if (part.kind === 'code') return element('code', {}, part.text);
      if (part.kind === 'picture') return picture(part.path, part.alt);
      return element(part.kind, {}, ...nodes(part.parts));
    });
  const row = (tag: 'th' | 'td', parts: Inline[][]) =>
    element('tr', {}, ...parts.map((cell) => element(tag, tag === 'th' ? { scope: 'col' } : {}, ...nodes(cell))));
  const blocks = parseMarkdown(text).map((block): Node => {
    if (block.kind === 'code') return element('pre', {}, element('code', {}, block.text));
    if (block.kind === 'paragraph') return element('p', {}, ...nodes(block.parts));
    if (block.kind === 'heading') {
      const level = Math.min(6, block.level + LEVELS_ABOVE) as 4 | 5 | 6;
      return element(`h${level}`, {}, ...nodes(block.parts));
    }
    if (block.kind === 'list') {
      return element(block.isNumbered ? 'ol' : 'ul', {}, ...block.items.map((item) => element('li', {}, ...nodes(item))));
    }
    const table = element('table', {}, element('thead', {}, row('th', block.head)), element('tbody', {}, ...block.rows.map((one) => row('td', one))));
    return element('div', { class: 'scrolls', tabIndex: 0, role: 'region', 'aria-label': 'Table' }, table);
  });
  return element('div', { class: 'prose' }, ...blocks);
}
