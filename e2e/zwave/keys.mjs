// The network keys of the test network: known to the stick, its locks and the hub.

const key = (byte) => new Uint8Array(16).fill(byte);

export const SECURITY_KEYS = {
  S0_Legacy: key(1),
  S2_Unauthenticated: key(2),
  S2_Authenticated: key(3),
  S2_AccessControl: key(4),
};
