import type { EndpointSettingsJson } from './container-config.ts';

export interface NetworkJson {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  /** Since API 1.48. */
  EnableIPv4?: boolean;
  EnableIPv6: boolean;
  IPAM: IpamJson;
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: { Network: string };
  ConfigOnly: boolean;
  Containers: Record<string, NetworkContainerJson>;
  Options: Record<string, string>;
  Labels: Record<string, string>;
}

export interface IpamJson {
  Driver?: string;
  Options?: Record<string, string> | null;
  Config?: IpamConfigJson[] | null;
}

export interface IpamConfigJson {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string> | null;
}

export interface NetworkContainerJson {
  Name: string;
  EndpointID: string;
  MacAddress: string;
  IPv4Address: string;
  IPv6Address: string;
}

/** `POST /networks/create`. */
export interface NetworkCreateBody {
  Name?: string;
  /** Up to API 1.43; names are always unique. */
  CheckDuplicate?: boolean;
  Driver?: string;
  Scope?: string;
  Internal?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  ConfigOnly?: boolean;
  ConfigFrom?: { Network?: string } | null;
  IPAM?: IpamJson | null;
  EnableIPv4?: boolean | null;
  EnableIPv6?: boolean | null;
  Options?: Record<string, string> | null;
  Labels?: Record<string, string> | null;
}

export interface NetworkCreateResponse {
  Id: string;
  Warning: string;
}

export interface NetworksPruneResponse {
  NetworksDeleted: string[] | null;
}

/** `POST /networks/{id}/connect`. */
export interface NetworkConnectBody {
  Container?: string;
  EndpointConfig?: EndpointSettingsJson | null;
}

/** `POST /networks/{id}/disconnect`. */
export interface NetworkDisconnectBody {
  Container?: string;
  Force?: boolean;
}
