import { randomInt } from 'node:crypto';
import { invalid } from '../../../foundation/base/errors.ts';

const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Checks a name as Docker does; a leading slash is dropped. */
export function parseContainerName(text: string): string {
  const name = text.replace(/^\//, '');
  if (!pattern.test(name))
    throw invalid(`Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`, {
      code: 'invalid-name',
      hint: 'two characters or more, the first of them a letter or a digit',
    });
  return name;
}

const manners =
  'amber brisk calm clever daring dusty eager early fancy gentle golden happy hidden humble jolly keen lively lucky mellow merry misty noble patient plucky polite proud quiet rapid royal rusty sandy sharp silent silver sleepy snowy solid steady sunny swift tidy tough upbeat vivid warm wise witty young zesty'.split(
    ' ',
  );
const cargo =
  'anchor apricot badger barley beacon birch bison buckwheat canyon cedar clover comet corn cricket dune ember falcon fern fjord flax ginger glacier harvest hazel heron island juniper kestrel lagoon lentil lupin maple meadow millet nectar oat orchard otter pebble pepper quartz raven rice river rye saffron sesame sorghum spelt spruce tundra walnut wheat willow'.split(
    ' ',
  );

/** A readable name in Docker's form `manner_thing`; with `attempt` above 0 a digit is added, as many tries as needed. */
export function randomContainerName(attempt: number): string {
  const name = `${manners[randomInt(manners.length)]}_${cargo[randomInt(cargo.length)]}`;
  return attempt === 0 ? name : `${name}${randomInt(10 ** Math.min(attempt, 9))}`;
}
