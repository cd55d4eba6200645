import type { ImageId } from '../../foundation/oci/digest.ts';

/** Images that work under way uses. They are in memory alone: work ends with the engine. */
export interface ImageHolds {
  open(): ImageHold;
  isHeld(id: ImageId): boolean;
}

/** What one piece of work uses; disposing lets all of it go, and what is added afterwards is not held. */
export interface ImageHold extends Disposable {
  add(id: ImageId): void;
}

export function createImageHolds(): ImageHolds {
  const holders = new Map<ImageId, number>();
  return {
    isHeld: (id) => holders.has(id),
    open() {
      const own = new Set<ImageId>();
      let isOver = false;
      return {
        add(id) {
          if (isOver || own.has(id)) return;
          own.add(id);
          holders.set(id, (holders.get(id) ?? 0) + 1);
        },
        [Symbol.dispose]() {
          isOver = true;
          for (const id of own) {
            const left = (holders.get(id) ?? 1) - 1;
            if (left === 0) holders.delete(id);
            else holders.set(id, left);
          }
          own.clear();
        },
      };
    },
  };
}
