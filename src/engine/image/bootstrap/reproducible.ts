/** The time of everything in a bootstrapped image when the environment gives no `SOURCE_DATE_EPOCH`: 2023-06-10, Debian 12's release. */
export const fixedEpoch = 1_686_355_200;

export const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
