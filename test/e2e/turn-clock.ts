import { readFileSync } from 'node:fs';

/** Loaded before the engine (`--preload`): its `Date` is ahead by what the file of `SILO_TEST_CLOCK` says at that moment. */
const file = process.env['SILO_TEST_CLOCK'];
const RealDate = Date;

function offsetMs(): number {
  try {
    return Number(readFileSync(file ?? '', 'utf8')) || 0;
  } catch {
    // The test is over and the file gone.
    return 0;
  }
}

class TurnedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RealDate.now() + offsetMs());
    else super(...(given as [string]));
  }
  static override now(): number {
    return RealDate.now() + offsetMs();
  }
}

if (file !== undefined) globalThis.Date = TurnedDate as DateConstructor;
