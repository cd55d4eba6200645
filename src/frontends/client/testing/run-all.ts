import { checks, runCheck } from './checks.ts';

/** For runtimes without a test runner of their own: prints a line for each check, and fails when one does. */
let failed = 0;
for (const name of Object.keys(checks)) {
  try {
    await runCheck(name);
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${name}:`, error);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
