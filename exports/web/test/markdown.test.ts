/** What a card's Markdown means; anything else stays text. */
import { describe, expect, it } from 'vitest';
import { parseInline, parseMarkdown } from '../pages/markdown.js';

describe('blocks', () => {
  it('are headings, paragraphs, lists, tables and code', () => {
    const card = [
      '# name', 'Finds faces', 'in pictures.', '', '- one `a`', '  goes on', '- two', '', '1. first', '',
      '| a | b |', '|---|---|', '| 1 | *2* |', '', '```sh', 'zoo run # not a heading', '', '<b>', '```', 'end',
    ];
    expect(parseMarkdown(card.join('\n'))).toEqual([
      { kind: 'heading', level: 1, parts: ['name'] },
      { kind: 'paragraph', parts: ['Finds faces in pictures.'] },
      { kind: 'list', isNumbered: false, items: [['one ', { kind: 'code', text: 'a' }, ' goes on'], ['two']] },
      { kind: 'list', isNumbered: true, items: [['first']] },
      { kind: 'table', head: [['a'], ['b']], rows: [[['1'], [{ kind: 'em', parts: ['2'] }]]] },
      { kind: 'code', text: 'zoo run # not a heading\n\n<b>' },
      { kind: 'paragraph', parts: ['end'] },
    ]);
  });

  it('end with the text where a fence is left open or a table has no rule', () => {
    expect(parseMarkdown('```\nopen')).toEqual([{ kind: 'code', text: 'open' }]);
    expect(parseMarkdown('| a |')).toEqual([{ kind: 'paragraph', parts: ['| a |'] }]);
    expect(parseMarkdown('')).toEqual([]);
  });
});

describe('inside a line', () => {
  it.each([
    ['**Licence.** The `code`', [{ kind: 'strong', parts: ['Licence.'] }, ' The ', { kind: 'code', text: 'code' }]],
    ['![A curve](card/curve.png)', [{ kind: 'picture', alt: 'A curve', path: 'card/curve.png' }]],
    ['batch_size and learning_rate', ['batch_size and learning_rate']],
    ['_so_', [{ kind: 'em', parts: ['so'] }]],
    ['2 * 3 * 4', ['2 * 3 * 4']],
    ['<img src=x> [a](javascript:b)', ['<img src=x> [a](javascript:b)']],
  ])('%s', (text, parts) => expect(parseInline(text)).toEqual(parts));

  it('takes a moment for marks that never end', () => {
    for (const mark of ['`', '**', '*a', '_a', '![', '![](', '`a', '|']) parseMarkdown(mark.repeat(100_000 / mark.length));
  }, 3_000);
});
