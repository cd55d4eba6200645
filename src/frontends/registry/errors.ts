import type { ErrorKind, SiloError } from '../../foundation/base/errors.ts';

/** OCI distribution spec, "Error Codes"; `UNKNOWN`, `TAG_INVALID` and `PAGINATION_NUMBER_INVALID` are Docker's. */
export type ErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'TAG_INVALID'
  | 'PAGINATION_NUMBER_INVALID'
  | 'UNKNOWN';

interface ErrorAnswer {
  status: number;
  code: ErrorCode;
}

/** What a kind answers when the error's own code says nothing more. A new kind does not compile until it is here. */
const byKind = {
  invalid: { status: 400, code: 'UNKNOWN' },
  'not-found': { status: 404, code: 'UNKNOWN' },
  conflict: { status: 409, code: 'UNKNOWN' },
  'not-modified': { status: 304, code: 'UNKNOWN' },
  unauthorized: { status: 401, code: 'UNAUTHORIZED' },
  forbidden: { status: 403, code: 'DENIED' },
  unavailable: { status: 503, code: 'UNKNOWN' },
  exhausted: { status: 507, code: 'UNKNOWN' },
  canceled: { status: 499, code: 'UNKNOWN' },
  timeout: { status: 504, code: 'UNKNOWN' },
  unsupported: { status: 405, code: 'UNSUPPORTED' },
  corrupt: { status: 500, code: 'UNKNOWN' },
  internal: { status: 500, code: 'UNKNOWN' },
} as const satisfies Record<ErrorKind, ErrorAnswer>;

/** Stable codes of `SiloError` that the specification has words for. */
const byCode: Record<string, ErrorAnswer> = {
  'blob-unknown': { status: 404, code: 'BLOB_UNKNOWN' },
  'blob-upload-invalid': { status: 400, code: 'BLOB_UPLOAD_INVALID' },
  'blob-upload-unknown': { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
  'blob-in-use': { status: 405, code: 'UNSUPPORTED' },
  'digest-invalid': { status: 400, code: 'DIGEST_INVALID' },
  'manifest-blob-unknown': { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' },
  'manifest-invalid': { status: 400, code: 'MANIFEST_INVALID' },
  'manifest-too-large': { status: 413, code: 'MANIFEST_INVALID' },
  'manifest-unknown': { status: 404, code: 'MANIFEST_UNKNOWN' },
  'name-invalid': { status: 400, code: 'NAME_INVALID' },
  'name-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'size-invalid': { status: 400, code: 'SIZE_INVALID' },
  'range-invalid': { status: 416, code: 'BLOB_UPLOAD_INVALID' },
  'tag-invalid': { status: 400, code: 'TAG_INVALID' },
  'page-invalid': { status: 400, code: 'PAGINATION_NUMBER_INVALID' },
  'quota-exceeded': { status: 403, code: 'DENIED' },
  'too-slow': { status: 408, code: 'BLOB_UPLOAD_INVALID' },
  'too-many-requests': { status: 429, code: 'TOOMANYREQUESTS' },
};

export function answerOfError(error: SiloError): ErrorAnswer {
  return byCode[error.code] ?? byKind[error.kind];
}

/** OCI distribution spec, "Error Codes": the body of every failure. */
export function errorBody(error: SiloError): {
  errors: { code: ErrorCode; message: string; detail?: string }[];
} {
  const { code } = answerOfError(error);
  return {
    errors: [{ code, message: error.message, ...(error.hint === undefined ? {} : { detail: error.hint }) }],
  };
}
