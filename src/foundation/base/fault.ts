/**
 * Fault points: named instructions at which a test can kill the engine, so that crash safety is tested at exact places
 * and not with sleeps. `SILO_FAULT=name` kills at the first passage of that point, `SILO_FAULT=name:3` at the third.
 * Without the variable a point costs one comparison. `knownFaultPoints` in the crash test finds them by reading the sources
 * for calls with a literal name.
 */
const [wantedName, wantedPassage] = (process.env['SILO_FAULT'] ?? '').split(':');
let passages = 0;

export function faultPoint(name: string): void {
  if (wantedName !== name) return;
  passages++;
  if (passages === Number(wantedPassage ?? 1)) process.kill(process.pid, 'SIGKILL');
}
