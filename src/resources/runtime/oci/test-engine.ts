/*
 * An engine for the crash tests: does what its arguments say with a container and then waits to be killed.
 * Arguments: folder, the container's shell script, and the steps, of `create`, `start`, `exec`, `delete`.
 */
import { createFixture, newExecId } from './test-fixture.ts';

const [folder = '', script = '', ...steps] = process.argv.slice(2);
const fixture = await createFixture({ directory: folder });
const request = fixture.request(['sh', '-c', script]);
const { containers, execs } = fixture.driver;
console.log(request.id);
for (const step of steps) {
  if (step === 'create') await containers.create(request);
  if (step === 'start') await containers.start(request.id);
  if (step === 'delete') await containers.delete(request.id);
  if (step === 'exec') {
    const process = { ...request.spec.process, args: ['sh', '-c', 'sleep 1000'] };
    await execs.exec({ id: request.id, execId: newExecId(), process, attach: false, stdin: false });
  }
}
console.log('done');
setInterval(() => undefined, 60_000);
