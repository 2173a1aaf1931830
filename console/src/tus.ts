// Uploads by tus 1.0: in pieces with checksums, resumed where the gateway has them, also after the page was closed.
import { Away, Problem, ask } from "./api";

const PIECE_BYTES = 8 << 20;
const SOONEST_MS = 1_000;
const LATEST_MS = 20_000;
const TUS = { "Tus-Resumable": "1.0.0" };

export interface Sending {
  /** Bytes that are there, or on their way. */
  progress: (bytes: number) => void;
  /** It broke off and is tried again. */
  broken: (error: unknown) => void;
  signal: AbortSignal;
}

/** By which the same file is known again after the page was closed. */
function keptAs(file: File): string {
  return `medley.upload.${file.name}.${file.size}.${file.lastModified}`;
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function begin(file: File, signal: AbortSignal): Promise<string> {
  const metadata = [`filename ${base64(file.name)}`];
  if (file.type) metadata.push(`filetype ${base64(file.type)}`);
  const headers = { ...TUS, "Upload-Length": String(file.size), "Upload-Metadata": metadata.join(",") };
  const response = await ask("POST", "/v1/inputs", { headers, signal });
  const id = response.headers.get("Location")?.split("/").pop();
  if (!id) throw new Problem(500, "internal", "the gateway named no upload");
  localStorage.setItem(keptAs(file), id);
  return id;
}

/** How much of an upload is there; none when the gateway does not know it any more. */
async function offsetOf(id: string, signal: AbortSignal): Promise<number | null> {
  try {
    const response = await ask("HEAD", `/v1/inputs/${id}`, { headers: TUS, signal });
    return Number(response.headers.get("Upload-Offset"));
  } catch (error) {
    if (error instanceof Problem && (error.status === 404 || error.status === 410)) return null;
    throw error;
  }
}

/** The piece's SHA-256, where the browser gives out such: on localhost and over TLS. */
async function checksum(piece: Blob): Promise<Record<string, string>> {
  if (!window.crypto.subtle) return {};
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await piece.arrayBuffer()));
  return { "Upload-Checksum": `sha256 ${btoa(String.fromCharCode(...hash))}` };
}

async function patch(id: string, piece: Blob, offset: number, sending: Sending): Promise<number> {
  const headers = { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream", ...await checksum(piece) };
  const response = await ask("PATCH", `/v1/inputs/${id}`, { headers, body: piece, signal: sending.signal });
  return Number(response.headers.get("Upload-Offset"));
}

/** Whether the same request may go well later. */
function isPassing(error: unknown): boolean {
  return error instanceof Away || (error instanceof Problem && [408, 409, 423, 429, 460, 500, 502, 503, 504].includes(error.status));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
  signal.throwIfAborted();
}

/** Sends a file, for as long as it takes; the upload's id. */
export async function upload(file: File, sending: Sending): Promise<string> {
  let id = localStorage.getItem(keptAs(file));
  let wait = SOONEST_MS;
  for (;;) {
    try {
      let offset = id === null ? 0 : await offsetOf(id, sending.signal);
      if (id === null || offset === null) {
        id = await begin(file, sending.signal);
        offset = 0;
      }
      sending.progress(offset);
      while (offset < file.size) {
        offset = await patch(id, file.slice(offset, offset + PIECE_BYTES), offset, sending);
        sending.progress(offset);
        wait = SOONEST_MS;
      }
      return id;
    } catch (error) {
      if (sending.signal.aborted || !isPassing(error)) throw error;
      sending.broken(error);
      await pause(wait, sending.signal);
      wait = Math.min(wait * 2, LATEST_MS);
    }
  }
}

/** The file is used: it is not to be found again by the next one of its name. */
export function forget(file: File) {
  localStorage.removeItem(keptAs(file));
}
