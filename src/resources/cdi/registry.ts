import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, notFound, toSiloError } from '../../foundation/base/errors.ts';
import { parseYaml } from '../../foundation/base/yaml.ts';
import type { CdiDevices, CdiEdits } from './cdi.ts';
import { type CdiFile, readCdiFile } from './spec-file.ts';

const fileLimitBytes = 4 * 1024 * 1024;
const filesLimit = 1000;

interface Found {
  file: CdiFile;
  edits: CdiEdits;
  directory: string;
}

export function createCdiDevices(directories: readonly string[]): CdiDevices {
  return { directories, resolve: (names) => resolve(directories, names) };
}

async function resolve(directories: readonly string[], names: readonly string[]): Promise<CdiEdits> {
  const { devices, complaints } = await readAll(directories);
  const unknown = names.filter((name) => !devices.get(name));
  if (unknown.length > 0)
    throw notFound(`unresolvable CDI devices ${unknown.join(', ')}`, {
      code: 'no-such-cdi-device',
      hint: [`looked in ${directories.join(', ') || 'no folder'}`, ...complaints].join('; ').slice(0, 2000),
    });
  const edits: CdiEdits = { env: [], deviceNodes: [], mounts: [], hooks: [], additionalGids: [] };
  const seen = new Set<CdiFile>();
  for (const name of new Set(names)) {
    const found = devices.get(name);
    if (!found) continue;
    if (!seen.has(found.file)) append(edits, found.file.edits);
    seen.add(found.file);
    append(edits, found.edits);
  }
  return edits;
}

function append(edits: CdiEdits, more: CdiEdits): void {
  edits.env.push(...more.env);
  edits.deviceNodes.push(...more.deviceNodes);
  edits.mounts.push(...more.mounts);
  edits.hooks.push(...more.hooks);
  edits.additionalGids.push(...more.additionalGids);
}

/** Every device by qualified name; undefined for one that two files of the same folder give. */
async function readAll(
  directories: readonly string[],
): Promise<{ devices: Map<string, Found | undefined>; complaints: string[] }> {
  const devices = new Map<string, Found | undefined>();
  const complaints: string[] = [];
  for (const directory of directories) {
    const here = new Map<string, Found | undefined>();
    for (const path of await filesIn(directory)) {
      try {
        const file = await readFile(path);
        for (const [name, edits] of file.devices) {
          const qualified = `${file.kind}=${name}`;
          if (here.has(qualified))
            complaints.push(`${path}: device ${qualified} is in another file of the folder too`);
          here.set(qualified, here.has(qualified) ? undefined : { file, edits, directory });
        }
      } catch (error) {
        complaints.push(`${path}: ${toSiloError(error).message}`);
      }
    }
    for (const [name, found] of here) devices.set(name, found);
  }
  return { devices, complaints };
}

async function filesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => /\.(json|ya?ml)$/.test(name))
    .toSorted()
    .slice(0, filesLimit)
    .map((name) => join(directory, name));
}

async function readFile(path: string): Promise<CdiFile> {
  await using file = await open(path);
  const { size, uid, mode } = await file.stat();
  if (uid !== 0 && uid !== process.getuid?.())
    throw invalid('the file is not believed: it does not belong to root');
  if ((mode & 0o022) !== 0) throw invalid('the file is not believed: others than its owner may write it');
  if (size > fileLimitBytes) throw invalid(`the file has more than ${fileLimitBytes} bytes`);
  const text = await file.readFile('utf8');
  const isJson = path.endsWith('.json');
  return readCdiFile(isJson ? (JSON.parse(text) as unknown) : parseYaml(text, 'the file'));
}
