import { posix } from 'node:path';
import type { ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import type { Add, Copy, HereDocument, Run } from '../language/instruction.ts';
import { resolveMount } from '../language/mount.ts';
import type { Mount } from '../language/mount.ts';
import { fileNameOf, isGit, isWeb } from '../sources/addresses.ts';
import { contentWord } from '../language/stages/expanded-words.ts';
import type { StageScope } from '../language/stages/scope.ts';
import { faultAt } from '../language/text/fault.ts';
import type { Word } from '../language/text/span.ts';
import { argumentsOf, defaultShell } from './configuration.ts';
import type { Configuring } from './configuration.ts';
import type { CopyVertex, ExecMount, ExecVertex, Vertex, VertexId } from './vertex.ts';

/** What an instruction that touches files sees of its stage. */
export interface Surroundings extends Configuring {
  /** The stage's files so far. */
  root: VertexId;
  add: (vertex: Vertex) => VertexId;
  /** The vertex that `--from` of COPY (numbered) or of a mount names; without a name, the build's context. */
  origin: (name: string | undefined, numbered: boolean) => VertexId;
}

export function execOf(run: Run, around: Surroundings): ExecVertex {
  const { config, scope, root } = around;
  return {
    kind: 'exec',
    root,
    ...commandOf(run, config),
    env: scope.variables(),
    cwd: config.WorkingDir || '/',
    user: config.User ?? '',
    network: run.network?.text ?? 'default',
    security: run.security?.text ?? 'sandbox',
    devices: run.devices.map(({ text }) => text),
    mounts: mountsOf(run, around),
  };
}

/** One here-document and nothing else is the script itself; with others it goes to the shell as it stands. */
function commandOf(run: Run, config: ImageRunConfig): Pick<ExecVertex, 'args' | 'script'> {
  const { command, hereDocuments } = run;
  const [only] = hereDocuments;
  if (command.form === 'exec' || only === undefined) return { args: argumentsOf(command, config) };
  const shell = config.Shell ?? defaultShell;
  if (hereDocuments.length === 1 && command.text.text === only.opening.text)
    return only.content.startsWith('#!')
      ? { args: [`/dev/pipes/${scriptName(only.name)}`], script: only.content }
      : { args: [...shell, only.content] };
  const documents = hereDocuments.map(({ content, name }) => `${content}${name}`);
  return { args: [...shell, [command.text.text, ...documents].join('\n')] };
}

/** Of the file; a terminator may be any word. */
const scriptName = (terminator: string): string =>
  /^[\w.-]{1,100}$/.test(terminator) && !/^\.+$/.test(terminator) ? terminator : 'script';

function mountsOf(run: Run, { source, scope, origin }: Surroundings): ExecMount[] {
  return run.mounts.map(({ fields, span }) => {
    const expanded = fields.map(({ key, value }) =>
      value === undefined
        ? { key }
        : { key, value: key === 'from' ? value : scope.expand({ text: value, span }).text },
    );
    const resolved = resolveMount(expanded);
    if (!resolved.ok) throw faultAt(source, span, { code: 'invalid-mount', ...resolved });
    const input = mountInput(resolved.mount, origin);
    return input === undefined ? resolved.mount : { ...resolved.mount, input };
  });
}

/** Binds show the context unless they name something; caches start empty unless they do. */
function mountInput(mount: Mount, origin: Surroundings['origin']): VertexId | undefined {
  if (mount.type === 'bind') return origin(mount.from, false);
  return mount.type === 'cache' && mount.from !== undefined ? origin(mount.from, false) : undefined;
}

export function copyOf(instruction: Copy | Add, around: Surroundings): CopyVertex {
  const { config, scope, root } = around;
  const text = (word: Word): string => scope.expand(word).text;
  const chown = instruction.chown && text(instruction.chown);
  const chmod = instruction.chmod && text(instruction.chmod);
  return {
    kind: 'copy',
    root,
    sources: instruction.sources.map((word) => sourceOf(instruction, text(word), around)),
    contents: instruction.hereDocuments.map((document) => ({
      name: document.name,
      data: contentOf(document, scope),
    })),
    destination: destinationOf(text(instruction.destination), config),
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod }),
    link: instruction.link,
    parents: instruction.name === 'COPY' && instruction.parents,
    exclude: instruction.exclude.map(text),
    unpack: instruction.name === 'COPY' ? 'never' : unpackOf(instruction),
  };
}

const unpackOf = ({ unpack }: Add): CopyVertex['unpack'] =>
  unpack === undefined ? 'local' : unpack ? 'always' : 'never';

function sourceOf(
  instruction: Copy | Add,
  text: string,
  around: Surroundings,
): CopyVertex['sources'][number] {
  if (instruction.name === 'COPY') return { input: around.origin(instruction.from?.text, true), path: text };
  const checksum = instruction.checksum && around.scope.expand(instruction.checksum).text;
  const pinned = checksum === undefined ? {} : { checksum };
  const { keepGitDir } = instruction;
  if (isGit(text)) return { input: around.add({ kind: 'git', url: text, keepGitDir, ...pinned }), path: '/' };
  if (isWeb(text))
    return { input: around.add({ kind: 'http', url: text, ...pinned }), path: literally(fileNameOf(text)) };
  return { input: around.origin(undefined, true), path: text };
}

/** A name, whatever it holds, as a source. */
const literally = (name: string): string =>
  Buffer.from(name, 'latin1')
    .toString()
    .replace(/[*?[\\]/g, '\\$&');

/** The slash at the end stays: it says that a folder is meant. */
function destinationOf(text: string, config: ImageRunConfig): string {
  const path = posix.resolve('/', config.WorkingDir ?? '/', text);
  return /(?:^|\/)\.?$/.test(text) && path !== '/' ? `${path}/` : path;
}

const contentOf = (document: HereDocument, scope: StageScope): string =>
  document.expand ? scope.expand(contentWord(document), { keepQuotes: true }).text : document.content;
