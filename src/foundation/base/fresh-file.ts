import { open, stat } from 'node:fs/promises';
import { corrupt, invalid, toSiloError } from './errors.ts';

/** What a file says now: read again when it was changed or replaced. */
export interface FreshFile<T> {
  /**
   * The parsed content. Kind `invalid` when the file cannot be read the first time; later the last good content stays while the file is
   * missing or broken, and `onBroken` hears of it once for each change.
   */
  get(): Promise<T>;
}

export interface FreshFileOptions<T> {
  path: string;
  parse: (text: string) => T | Promise<T>;
  onBroken: (message: string) => void;
  /** Larger files are refused; 1 MiB when absent. */
  limitBytes?: number;
}

/** Looks at the file's state each time it is asked: one stat(2), so that no watch is needed and none can be missed. */
export function createFreshFile<T>(options: FreshFileOptions<T>): FreshFile<T> {
  let known: { state: string; content: { value: T } | undefined } | undefined;
  let looking: Promise<T> | undefined;
  const look = async (): Promise<T> => {
    let state = 'missing';
    try {
      state = await stateOf(options.path);
      if (known?.state === state && known.content) return known.content.value;
      const value = await options.parse(await readLimited(options));
      known = { state, content: { value } };
      return value;
    } catch (thrown) {
      const error = toSiloError(thrown);
      if (!known?.content)
        throw invalid(`cannot use ${options.path}: ${error.message}`, { code: 'bad-file', cause: thrown });
      const { content } = known;
      if (known.state !== state) options.onBroken(`${options.path} is not used: ${error.message}`);
      known = { state, content };
      return content.value;
    }
  };
  return {
    get() {
      looking ??= look().finally(() => (looking = undefined));
      return looking;
    },
  };
}

async function stateOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function readLimited({ path, limitBytes = 1 << 20 }: { path: string; limitBytes?: number }) {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > limitBytes) throw corrupt(`it is larger than ${limitBytes} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
