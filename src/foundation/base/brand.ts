declare const brand: unique symbol;

/** A string that only its `parse*` function may make, so identities cannot be swapped by accident. */
export type Brand<Name extends string> = string & { readonly [brand]: Name };
