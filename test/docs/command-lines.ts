export interface CommandLine {
  words: string[];
  /** Shown as something to type; not only named within a sentence. */
  isWhole: boolean;
}

/** The calls of `silo` in a page: lines of code blocks, and code within sentences. What stands for something else (`…`, `[…]`) ends a call. */
export function commandLines(page: string): CommandLine[] {
  const blocks = [...page.matchAll(/^```[a-z]*\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
  const prose = page.replaceAll(/^```[a-z]*\n[\s\S]*?^```$/gm, '');
  const named = [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  return [
    ...blocks
      .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
      .flatMap((line) => calls(line, true)),
    ...named.flatMap((line) => calls(line, false)),
  ];
}

const calls = (line: string, isWhole: boolean): CommandLine[] =>
  splitCommands(line).flatMap((words) => {
    // Variables, `sudo`, `time` and the like stand before it.
    const at = words.findIndex((word) => /^(\.\/|dist\/|\/usr\/local\/bin\/)?silo$/.test(word));
    const before = words.slice(0, Math.max(at, 0));
    if (at < 0 || !before.every((word) => /^[A-Z_]+=|^(sudo|time|exec|\$)$/.test(word))) return [];
    const own = words.slice(at + 1);
    const open = own.findIndex(
      (word, index) => /^(…|\.\.\.|\[[A-Z-].*|<.*)$/.test(word) && own[index - 1]?.startsWith('-') !== true,
    );
    return [{ words: open < 0 ? own : own.slice(0, open), isWhole: isWhole && open < 0 }];
  });

/** Words of each command of a shell line: quotes, `$(…)` as one word, comments and redirections left out. */
function splitCommands(line: string): string[][] {
  const token =
    /\s*(?:(#.*$)|(;|&&|\|\||\||&|\)(?=\s|$))|(\d?>>?&?\d?|<(?!\())\s*[^\s;|&]*|((?:'[^']*'|"(?:[^"\\]|\\.)*"|\$\((?:[^()]|\([^()]*\))*\)|<\([^)]*\)|\\.|[^\s;|&'"<>])+))/gy;
  const commands: string[][] = [[]];
  const inners: string[][] = [];
  for (const [, comment, separator, , word] of line.matchAll(token)) {
    if (comment !== undefined) break;
    if (separator !== undefined) commands.push([]);
    else if (word !== undefined) commands.at(-1)?.push(unquote(word));
    // What is run within another command is a call, too.
    const inner = word === undefined ? undefined : /^<?\$?\((.*)\)$/.exec(word.replace(/^\w+=/, ''))?.[1];
    if (inner !== undefined) inners.push(...splitCommands(inner));
  }
  return [...commands, ...inners].filter((words) => words.length > 0);
}

const unquote = (word: string): string =>
  word.replaceAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g, (_, a, b, c) => a ?? b ?? c ?? '');
