/**
 * Asks a real Docker all cases once and writes its answers to `facts/`: `bun test/api/record.ts [CHAPTER…]`. Needs root and the peers program
 * (test/conformance/real-docker.ts).
 */
import { startRealDocker } from '../conformance/real-docker.ts';
import { chapters } from './chapters.ts';
import { writeFacts } from './facts.ts';
import { makeWorld, play } from './play.ts';

const wanted = process.argv.slice(2);
for (const [chapter, cases] of Object.entries(chapters)) {
  if (wanted.length > 0 && !wanted.includes(chapter)) continue;
  await using docker = await startRealDocker();
  const world = await makeWorld(docker.socket);
  const answers: Awaited<ReturnType<typeof Object.fromEntries>> = {};
  for (const one of cases) {
    const told = await play(world, one).catch((error: unknown) => ({ status: 0, message: String(error) }));
    answers[one.what] = told;
  }
  writeFacts(chapter, { docker: docker.version, answers });
  console.log(`${chapter}: ${cases.length}`);
}
