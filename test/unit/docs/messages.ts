import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codes } from '../../../conf/failure.ts';

/** An error that the sources can raise: its message with `…` for each part that is not known before. */
export interface Message {
  readonly code: number | undefined;
  readonly text: string;
  readonly file: string;
}

const root = join(import.meta.dirname, '../../..');

/** The tool of people complains in its own words: those are no CNI errors. */
function sources(): string[] {
  const files = ['cmd', 'conf', 'ipam', 'netns'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  return files.filter((name) => name.endsWith('.ts') && !name.startsWith('cmd/tool/'));
}

/** The text up to the bracket that closes the one before `start`; strings may hold brackets of their own. */
function argumentsAt(source: string, start: number): string {
  let depth = 1;
  let quote = '';
  for (let index = start; index < source.length; index++) {
    const character = source[index] ?? '';
    if (character === '\\') index++;
    else if (quote) quote = character === quote ? '' : quote;
    else if (`'"\``.includes(character)) quote = character;
    else if ('({['.includes(character)) depth++;
    else if (')}]'.includes(character) && --depth === 0) return source.slice(start, index);
  }
  return source.slice(start);
}

/** The arguments of a call, apart from each other. */
function split(list: string): string[] {
  const parts: string[] = [];
  for (let rest = list; rest.trim() !== ''; ) {
    let end = 0;
    while (end < rest.length && rest[end] !== ',') {
      const character = rest[end] ?? '';
      if ('({['.includes(character)) end += argumentsAt(rest, end + 1).length + 2;
      else if (`'"\``.includes(character)) end = closing(rest, end) + 1;
      else end++;
    }
    parts.push(rest.slice(0, end).trim());
    rest = rest.slice(end + 1);
  }
  return parts;
}

function closing(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === text[start]) return index;
  }
  return text.length;
}

/** `wire ${name}` becomes `wire …`; what is no literal is unknown as a whole. */
function patternOf(expression: string, source: string, before: number): string {
  const named = /^\w+$/.test(expression) ? definitionOf(expression, source, before) : expression;
  const [, quote, body = ''] = /^(['"`])([\s\S]*)\1$/.exec(named) ?? [];
  if (!quote) return '…';
  return quote === '`' ? withoutExpressions(body) : body.replaceAll('\\', '');
}

function definitionOf(name: string, source: string, before: number): string {
  const start = source.lastIndexOf(`const ${name} = `, before);
  const begun = start + `const ${name} = `.length;
  return start === -1 ? name : source.slice(begun, source.indexOf(';\n', begun)).trim();
}

function withoutExpressions(template: string): string {
  let text = '';
  for (let index = 0; index < template.length; index++) {
    if (template.startsWith('${', index)) {
      text += '…';
      index += argumentsAt(template, index + 2).length + 2;
    } else {
      if (template[index] === '\\') index++;
      text += template[index];
    }
  }
  return text;
}

/** A function that makes a Failure out of a message: `invalid`, `notReady`. */
interface Maker {
  readonly name: string;
  readonly code: number | undefined;
  readonly pattern: string;
  /** Where its own Failure is: not another message. */
  readonly place: number;
}

const codeNames = new Map(Object.entries(codes));

function codeOf(expression: string | undefined): number | undefined {
  return codeNames.get(/^codes\.(\w+)$/.exec(expression ?? '')?.[1] ?? '');
}

function makersIn(source: string): Maker[] {
  const found = source.matchAll(
    /function (\w+)\((?:message|why): string[^)]*\): Failure \{\n {2}return new Failure\(/g,
  );
  return [...found].map((match) => {
    const [code, message = ''] = split(argumentsAt(source, match.index + match[0].length));
    const pattern = /^`/.test(message) ? withoutExpressions(message.slice(1, -1)) : '…';
    const place = match.index + match[0].length - 'new Failure('.length;
    return { name: match[1] ?? '', code: codeOf(code), pattern, place };
  });
}

function messagesIn(file: string): Message[] {
  const source = readFileSync(join(root, file), 'utf8');
  const makers = makersIn(source);
  const byMaker = makers.flatMap(({ name, code, pattern }) =>
    [...source.matchAll(new RegExp(`(?:throw|return) ${name}\\(`, 'g'))].map((match) => {
      const [message = ''] = split(argumentsAt(source, match.index + match[0].length));
      return { code, text: pattern.replace('…', () => patternOf(message, source, match.index)), file };
    }),
  );
  const places = [...source.matchAll(/(?:new Failure|super)\((?=\s*(?:code|typeof code))/g)];
  const direct = places
    .filter(({ index }) => !makers.some(({ place }) => place === index))
    .map((match) => {
      const [code, message = ''] = split(argumentsAt(source, match.index + match[0].length));
      return { code: codeOf(code), text: patternOf(message, source, match.index), file };
    });
  return [...byMaker, ...direct];
}

const launcherCodes: Readonly<Record<string, number>> = {
  IO: codes.io,
  TRY_AGAIN: codes.tryAgain,
  INTERNAL: codes.internal,
};

/** Those of the launcher: `answer_error(IO, "start dualstack-main: %s", …)`. */
function messagesOfLauncher(): Message[] {
  const file = 'launcher/launcher.c';
  const found = readFileSync(join(root, file), 'utf8').matchAll(/answer_error\((\w+), "([^"]*)"/g);
  return [...found].map(([, code = '', format = '']) => ({
    code: launcherCodes[code],
    text: format.replaceAll(/%[sd]/g, '…'),
    file,
  }));
}

/** Every error of the plugin, as its sources have it. */
export function messagesOfSources(): Message[] {
  return [...sources().flatMap(messagesIn), ...messagesOfLauncher()];
}
