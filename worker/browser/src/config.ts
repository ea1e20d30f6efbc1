/** Read once: the worker puts the object here as text. */
export const config = __EDGEPROOF_CONFIG__
