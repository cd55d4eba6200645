import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../e2e/run.ts';
import { cases } from './corpus.ts';
import { type Builder, listBase, observeCase } from './observe-case.ts';
import type { Outcome } from './observe.ts';

/*
 * Records what a real BuildKit makes of the corpus: `bun record.ts ENTER ARCHIVE [NAME...]`, where ENTER runs a program beside a Docker with buildx that sees
 * this machine's /tmp as /hosttmp, and ARCHIVE is `silo save busybox`.
 */
const [enter = '', archive = '', ...only] = process.argv.slice(2);
const daemon = 'DOCKER_HOST=unix:///hosttmp/peer-docker.sock';
const inside = (...words: string[]) => run([enter, 'run', 'env', daemon, ...words], { timeoutMs: 120_000 });
const pathOf = (path: string): string => path.replace(/^\/tmp\//, '/hosttmp/');
const builder: Builder = {
  build: (words) => inside('docker', 'buildx', 'build', ...words),
  async inspect(image) {
    const { stdout } = await inside('docker', 'image', 'inspect', image);
    return (JSON.parse(stdout) as [{ Config: object }])[0].Config;
  },
  pathOf,
};
const folder = mkdtempSync(join(tmpdir(), 'silo-record-'));
try {
  const loaded = await inside('docker', 'load', '-i', pathOf(archive));
  if (loaded.code !== 0) throw new Error(loaded.stderr);
  const base = await listBase(builder, folder);
  const file = join(import.meta.dir, '../recorded/differential.json');
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Outcome>;
  for (const each of cases) {
    if (only.length > 0 && !only.includes(each.name)) continue;
    recorded[each.name] = await observeCase(builder, each, { folder, base });
    console.log(each.name, JSON.stringify(recorded[each.name]).slice(0, 150));
  }
  writeFileSync(file, `${JSON.stringify(recorded, undefined, 2)}\n`);
  console.log(`${readFileSync(file, 'utf8').length} bytes`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
