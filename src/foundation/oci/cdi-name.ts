/** Container Device Interface, "kind": `vendor.com/class`. */
export const cdiKindPattern = /^[A-Za-z][\w.-]*(?<![._-])\/[A-Za-z][\w-]*(?<![_-])$/;
/** The name of a device in its kind. */
export const cdiNamePattern = /^[A-Za-z0-9]([\w.:-]*[A-Za-z0-9])?$/;

/** Whether a word is a device's qualified name, `vendor.com/class=name`, and no path of a host device. */
export function isCdiName(text: string): boolean {
  const equals = text.indexOf('=');
  return (
    equals > 0 && cdiKindPattern.test(text.slice(0, equals)) && cdiNamePattern.test(text.slice(equals + 1))
  );
}
