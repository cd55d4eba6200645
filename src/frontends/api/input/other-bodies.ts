import type { IndexPushBody } from '../../../foundation/wire/silo/manifests.ts';
import type { IpamConfigJson, IpamJson, NetworkCreateBody } from '../../../foundation/wire/docker/network.ts';
import type { AuthConfigJson } from '../../../foundation/wire/docker/image.ts';
import type { VolumeCreateBody } from '../../../foundation/wire/docker/volume.ts';
import type { BootstrapBody } from '../../../foundation/wire/silo/bootstrap.ts';
import { anyObject, type Decoder, flag, listOf, mapOf, objectOf, text } from './decode.ts';

const textMap = mapOf(text);

export const networkCreateBody: Decoder<NetworkCreateBody> = objectOf<NetworkCreateBody>({
  Name: text,
  CheckDuplicate: flag,
  Driver: text,
  Scope: text,
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: objectOf<{ Network?: string }>({ Network: text }),
  IPAM: objectOf<IpamJson>({
    Driver: text,
    Options: textMap,
    Config: listOf(
      objectOf<IpamConfigJson>({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: textMap }),
    ),
  }),
  EnableIPv4: flag,
  EnableIPv6: flag,
  Options: textMap,
  Labels: textMap,
});

export const volumeCreateBody: Decoder<VolumeCreateBody> = objectOf<VolumeCreateBody>({
  Name: text,
  Driver: text,
  DriverOpts: textMap,
  Labels: textMap,
  ClusterVolumeSpec: anyObject,
});

export const authConfig: Decoder<AuthConfigJson> = objectOf<AuthConfigJson>({
  username: text,
  password: text,
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});

export const indexPushBody: Decoder<IndexPushBody> = objectOf<IndexPushBody>(
  {
    Target: text,
    Raw: text,
    Sources: listOf(
      objectOf<IndexPushBody['Sources'][number]>({ Ref: text, Digest: text }, { Ref: '', Digest: '' }),
    ),
    Insecure: flag,
  },
  { Target: '', Raw: '', Sources: [] },
);

export const bootstrapBody: Decoder<BootstrapBody> = objectOf<BootstrapBody>(
  {
    What: text,
    Reference: text,
    Packages: listOf(text),
    Mirror: text,
    Sources: listOf(text),
    Verbose: flag,
  },
  { What: '' },
);
