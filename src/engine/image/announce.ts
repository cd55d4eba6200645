import { familiarName, familiarRepository, type Reference } from '../../foundation/oci/reference.ts';
import type { Context } from './context.ts';
import type { ImageRecord } from './image.ts';

type Announcer = Pick<Context, 'events'>;

/** Docker's image events carry the image's labels, and `name`, which no label may replace. */
function announce(context: Announcer, action: string, image: ImageRecord, id: string, name: string): void {
  context.events.publish({
    type: 'image',
    action,
    id,
    attributes: { ...image.config.config?.Labels, name },
  });
}

/** `pull`: the id is the name as people write it. */
export function announcePull(context: Announcer, image: ImageRecord, reference: Reference): void {
  announce(context, 'pull', image, familiarName(reference), familiarRepository(reference));
}

/** `push`: as `pull`. */
export function announcePush(context: Announcer, image: ImageRecord, reference: Reference): void {
  announce(context, 'push', image, familiarName(reference), familiarRepository(reference));
}

export function announceTag(context: Announcer, image: ImageRecord, name: Reference): void {
  announce(context, 'tag', image, image.id, familiarName(name));
}

export function announceImage(
  context: Announcer,
  action: 'untag' | 'delete' | 'load' | 'import' | 'save',
  image: ImageRecord,
): void {
  announce(context, action, image, image.id, image.id);
}
