import type { BuildEventJson } from '../../../../foundation/wire/silo/build-session.ts';

/** Shows a build while it runs. */
export interface BuildView {
  event(event: BuildEventJson): void;
  /** Something that this side has to say in between. */
  note(text: string): void;
  /** Nothing more comes; what is on the screen stays. */
  end(outcome: 'done' | 'failed' | 'canceled'): void;
}
