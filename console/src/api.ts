// One way to ask the gateway: problems become errors with the sentence that the gateway wrote.
import type { Session } from "./types";

export class Problem extends Error {
  constructor(readonly status: number, readonly code: string, detail: string, readonly more: Record<string, unknown> = {}) {
    super(detail);
  }
}

/** The gateway did not answer. */
export class Away extends Error {}

let csrf: string | undefined;
let signedOut: () => void = () => {};

/** Called when the gateway says that nobody is signed in. */
export function onSignedOut(then: () => void) {
  signedOut = then;
}

export interface Asked {
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export async function ask(method: string, path: string, { json, body, headers = {}, signal }: Asked = {}): Promise<Response> {
  const sent = new Headers(headers);
  if (json !== undefined) sent.set("Content-Type", "application/json");
  if (csrf && method !== "GET" && method !== "HEAD") sent.set("X-CSRF-Token", csrf);
  let response: Response;
  try {
    response = await fetch(path, {
      method, headers: sent, body: json === undefined ? body : JSON.stringify(json), signal, credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Away();
  }
  if (response.ok || response.status === 304) return response;
  const problem = await response.json().catch(() => ({})) as { code?: string; detail?: string };
  if (response.status === 401 && path !== "/v1/session") signedOut();
  throw new Problem(response.status, problem.code ?? "unknown", problem.detail ?? response.statusText, problem);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask("GET", path, { signal })).json() as Promise<T>;
}

export async function send<T = void>(method: string, path: string, json?: unknown): Promise<T> {
  const response = await ask(method, path, { json });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

function keep(session: Session): Session {
  csrf = session.csrf;
  return session;
}

/** Who asks; none when a token is needed first. */
export async function session(): Promise<Session | null> {
  try {
    return keep(await get<Session>("/v1/session"));
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

export async function signIn(token: string): Promise<Session> {
  return keep(await send<Session>("POST", "/v1/session", { token }));
}

export async function signOut(): Promise<void> {
  await send("DELETE", "/v1/session");
  csrf = undefined;
  signedOut();
}
