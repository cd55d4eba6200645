import { expect, test } from 'bun:test';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseIgnoreFile } from '../ignore/ignore.ts';
import { parseDockerfile } from '../parse/parse-dockerfile.ts';
import { readSource } from '../text/read-source.ts';
import { checkDockerfile } from './check.ts';
import type { CheckOptions } from './check.ts';
import { pageName, rules } from './rules.ts';

const platform = { os: 'linux', architecture: 'amd64' };

function found(text: string, options: Partial<CheckOptions> = {}): string[] {
  const dockerfile = parseDockerfile(readSource('Dockerfile', Buffer.from(text)));
  const platforms = { build: platform, target: platform };
  return checkDockerfile(dockerfile, { platforms, ...options }).findings.map(
    ({ rule, span }) => `${rule} ${span.line}:${span.column}+${span.length}`,
  );
}

/** Rule, a file that breaks it with the places, and one that does not. */
const cases: readonly (readonly [rule: string, bad: string, places: readonly string[], good: string])[] = [
  ['StageNameCasing', 'FROM scratch AS Build', ['1:17+5'], 'FROM scratch AS build'],
  ['FromAsCasing', 'FROM scratch as a', ['1:14+2'], 'from scratch as a'],
  ['NoEmptyContinuation', 'FROM scratch\nLABEL a=1 \\\n\n b=2', ['3:1+1'], 'FROM scratch\nLABEL a=1 \\\n# x\n b=2'],
  ['ConsistentInstructionCasing', 'FROM scratch\nlabel a=1\nLabel b=1', ['2:1+5', '3:1+5'], 'from scratch\nlabel a=1'],
  ['DuplicateStageName', 'FROM scratch AS a\nFROM scratch AS A', ['2:17+1'], 'FROM scratch AS a\nFROM scratch AS b'],
  ['ReservedStageName', 'FROM scratch AS context', ['1:17+7'], 'FROM scratch AS contexts'],
  ['JSONArgsRecommended', 'FROM scratch\nCMD a b\nENTRYPOINT x', ['2:5+3', '3:12+1'], 'FROM scratch\nSHELL ["a"]\nCMD a b'],
  ['MaintainerDeprecated', 'FROM scratch\nMAINTAINER me', ['2:1+10'], 'FROM scratch\nLABEL maintainer=me'],
  ['UndefinedArgInFrom', 'ARG BASE=a\nFROM ${BASS}:1', ['2:6+7'], 'FROM --platform=$BUILDPLATFORM a'],
  ['UndefinedVar', 'FROM scratch\nARG one\nCOPY $on ${two} /', ['3:6+3', '3:10+6'], 'FROM scratch\nARG one\nENV two=2\nCOPY $one ${two} ${three:-3} $PATH /'],
  ['WorkdirRelativePath', 'FROM scratch\nWORKDIR a', ['2:9+1'], 'FROM scratch AS a\nWORKDIR /a\nFROM a\nWORKDIR b'],
  ['MultipleInstructionsDisallowed', 'FROM scratch\nCMD ["a"]\nCMD ["b"]', ['2:1+3'], 'FROM scratch\nCMD ["a"]\nFROM scratch\nCMD ["a"]'],
  ['LegacyKeyValueFormat', 'FROM scratch\nENV a b\nLABEL c d', ['2:5+3', '3:7+3'], 'FROM scratch\nENV a=b'],
  ['RedundantTargetPlatform', 'FROM --platform=${TARGETPLATFORM} a', ['1:17+17'], 'FROM --platform=$BUILDPLATFORM a'],
  ['SecretsUsedInArgOrEnv', 'FROM scratch\nARG API_KEY\nENV db_password=x', ['2:5+7', '3:5+11'], 'FROM scratch\nARG KEYBOARD PUBLIC_KEY\nENV TOKENS=1'],
  ['InvalidDefaultArgInFrom', 'ARG V\nFROM a:$V', ['2:6+4'], 'ARG V=1\nFROM a:$V'],
  ['FromPlatformFlagConstDisallowed', 'FROM --platform=linux/arm64 a AS b', ['1:17+11'], 'FROM --platform=linux/arm64 a AS b-arm64'],
  ['ExposeProtoCasing', 'FROM scratch\nEXPOSE 80/TCP', ['2:8+6'], 'FROM scratch\nEXPOSE 80/tcp'],
  ['ExposeInvalidFormat', 'FROM scratch\nEXPOSE 127.0.0.1:80:80', ['2:8+15'], 'FROM scratch\nARG p=1\nEXPOSE ${p:-1}'],
]; // prettier-ignore

for (const [rule, bad, places, good] of cases)
  test(`${rule} finds what it is for and nothing else`, () => {
    const own = (list: readonly string[]): string[] =>
      list.flatMap((text) => (text.startsWith(`${rule} `) ? [text.slice(rule.length + 1)] : []));
    expect(own(found(bad))).toEqual([...places]);
    expect(own(found(good))).toEqual([]);
  });

test('CopyIgnoredFile tells sources that the context leaves out', () => {
  const ignore = parseIgnoreFile('dist\n*.log\n!keep.log\nsub\n!sub/in');
  const text =
    'FROM scratch AS a\nCOPY dist a.log keep.log *.log sub $x . /\nCOPY --from=a dist /\nADD ./dist/x /';
  const only = found(text, { ignore }).filter((one) => one.startsWith('CopyIgnoredFile'));
  expect(only).toEqual(['CopyIgnoredFile 2:6+4', 'CopyIgnoredFile 2:11+5', 'CopyIgnoredFile 4:5+8']);
});

test('InvalidDefinitionDescription is applied when asked for', () => {
  const text =
    '# the version\nARG V=1\n# build what builds\nFROM scratch AS build\n# W of the other\nARG W\n';
  expect(found(text)).toEqual([]);
  const asked = `# check=experimental=all\n${text}`;
  expect(found(asked)).toEqual(['InvalidDefinitionDescription 2:1+13']);
});

test('a directive and a build argument choose the rules', () => {
  const bad = 'FROM scratch as a\nMAINTAINER me\n';
  expect(found(`# check=skip=maintainerdeprecated\n${bad}`)).toEqual(['FromAsCasing 2:14+2']);
  expect(found(`# check=skip=all\n${bad}`)).toEqual([]);
  const skip = new Map([['BUILDKIT_DOCKERFILE_CHECK', 'skip=FromAsCasing']]);
  expect(found(`# check=skip=all\n${bad}`, { arguments: skip })).toEqual(['MaintainerDeprecated 3:1+10']);
});

test('a variable that an unknown image may set is told only when it looks misspelt', () => {
  const text = 'FROM debian\nENV VERSION=1\nCOPY $VERSOIN $FROM_THE_IMAGE /\n';
  expect(found(text)).toEqual(['UndefinedVar 3:6+8']);
  expect(found(text, { environmentOf: () => new Map() })).toHaveLength(2);
  expect(found(text, { environmentOf: () => new Map([['FROM_THE_IMAGE', 'x']]) })).toHaveLength(1);
});

test('every rule has a page, and every page a rule', () => {
  const folder = join(import.meta.dir, '../../../../../docs/build-checks');
  const pages = rules.map(({ name }) => `${pageName(name)}.md`);
  expect(
    readdirSync(folder)
      .filter((file) => file !== 'README.md')
      .sort(),
  ).toEqual(pages.sort());
  for (const { name, description } of rules) {
    const page = join(folder, `${pageName(name)}.md`);
    expect(existsSync(page)).toBe(true);
    const text = readFileSync(page, 'utf8');
    expect(text).toStartWith(`# ${name}\n`);
    expect(text).toContain(description);
    for (const part of ['## Why', '## Bad', '## Good']) expect(text).toContain(part);
  }
  expect(readFileSync(join(folder, 'README.md'), 'utf8').match(/\]\([a-z-]+\.md\)/g)).toHaveLength(
    rules.length,
  );
});

test('the examples of the pages break and keep their rule', () => {
  for (const { name } of rules) {
    const text = readFileSync(
      join(import.meta.dir, '../../../../../docs/build-checks', `${pageName(name)}.md`),
      'utf8',
    );
    const [bad = '', good = ''] = [...text.matchAll(/```dockerfile\n([^]*?)```/g)].map(
      ([, block]) => block ?? '',
    );
    const breaks = (block: string): boolean => {
      const patterns = /dockerignore holds: (.*)/.exec(block)?.[1]?.replace(' and then ', '\n');
      const ignore = patterns === undefined ? {} : { ignore: parseIgnoreFile(patterns) };
      return found(block, ignore).some((one) => one.startsWith(`${name} `));
    };
    expect([name, breaks(bad), breaks(good)]).toEqual([name, true, false]);
  }
});
