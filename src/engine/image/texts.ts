import { conflict, invalid, notFound, type SiloError, unsupported } from '../../foundation/base/errors.ts';
import { shortId } from '../../foundation/base/ids.ts';
import type { ImageId } from '../../foundation/oci/digest.ts';

/** Sentences that Docker's clients match on or people search for; they stay word by word. */

export function noSuchImage(name: string): SiloError {
  return notFound(`No such image: ${name}`, {
    code: 'no-such-image',
    hint: 'see the names with "silo images", fetch it with "silo pull", or make a base image with "silo image bootstrap"',
  });
}

/** Removing the image's only name would leave a container's image without one. */
export function nameInUse(name: string, containerId: string, image: ImageId): SiloError {
  return conflict(
    `conflict: unable to remove repository reference "${name}" (must force) - container ${shortId(containerId)} is using its referenced image ${shortId(image)}`,
    { code: 'image-in-use', hint: 'remove the container first, or force' },
  );
}

export function usedByRunning(image: ImageId, containerId: string): SiloError {
  return undeletable(
    image,
    'cannot be forced',
    `image is being used by running container ${shortId(containerId)}`,
    'stop and remove the container first',
  );
}

export function usedByBuild(image: ImageId): SiloError {
  return undeletable(
    image,
    'cannot be forced',
    'image is being used by a running build',
    'wait for the build, or end it',
  );
}

export function usedByStopped(image: ImageId, containerId: string): SiloError {
  return undeletable(
    image,
    'must be forced',
    `image is being used by stopped container ${shortId(containerId)}`,
    'remove the container first, or force',
  );
}

export function manyNames(image: ImageId): SiloError {
  return undeletable(
    image,
    'must be forced',
    'image is referenced in multiple repositories',
    'remove the names one by one, or force',
  );
}

function undeletable(image: ImageId, force: string, why: string, hint: string): SiloError {
  return conflict(`conflict: unable to delete ${shortId(image)} (${force}) - ${why}`, {
    code: 'image-in-use',
    hint,
  });
}

export function notAChange(instruction: string): SiloError {
  return invalid(`${instruction.slice(0, 60)} is not a valid change command`, {
    code: 'invalid-change',
    hint: 'a change is one of CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR',
  });
}

export function tooManyLayers(count: number, limit: number): SiloError {
  return unsupported(
    `the image has ${count} layers, more than the ${limit} that a container's root can stack`,
    {
      code: 'too-many-layers',
      hint: 'build the image with fewer instructions, or squash it',
    },
  );
}
