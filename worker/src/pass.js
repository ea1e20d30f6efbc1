// Sealing of passes: AES-GCM, with a key made from the secret of the workspace and `holder` as what must be the same when
// it is opened. Rust's own would be tens of kilobytes of wasm for what the runtime has.

const text = new TextEncoder();

export async function seal(secret, holder, content) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt(parameters(iv, holder), await keyOf(secret), text.encode(content));
  const bytes = String.fromCharCode(...iv, ...new Uint8Array(sealed));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Rejects what was not sealed so.
export async function open(secret, holder, token) {
  const bytes = Uint8Array.from(atob(token.replaceAll("-", "+").replaceAll("_", "/")), (byte) => byte.charCodeAt(0));
  const key = await keyOf(secret);
  const content = await crypto.subtle.decrypt(parameters(bytes.subarray(0, 12), holder), key, bytes.subarray(12));
  return new TextDecoder().decode(content);
}

const parameters = (iv, holder) => ({ name: "AES-GCM", iv, additionalData: text.encode(holder) });

async function keyOf(secret) {
  const digest = await crypto.subtle.digest("SHA-256", text.encode(secret));
  return crypto.subtle.importKey("raw", digest, "AES-GCM", false, ["encrypt", "decrypt"]);
}
