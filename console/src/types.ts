// The gateway's JSON, as far as the console reads it (docs/openapi.json).

export type State = "queued" | "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
export type Scope = "read" | "submit" | "admin";

export interface Session {
  tenant: string;
  scopes: Scope[];
  token?: string;
  csrf?: string;
  medley: string;
}

export interface Input {
  name: string;
  source: { uri: string } | { stored: string } | { text: string };
  sha256?: string | null;
  bytes?: number | null;
  media_type?: string | null;
}

export interface Artifact {
  name: string;
  sha256: string;
  bytes: number;
  media_type: string;
  url: string;
}

export interface Progress {
  done: number;
  total: number;
  unit: string;
  stage?: string | null;
  rate?: number | null;
  left_s?: [number, number] | null;
}

export interface Failure {
  code: string;
  message: string;
  causes?: string[];
  attempt: number;
  at_ms: number;
}

export interface Job {
  id: string;
  kind: string;
  state: State;
  class: "interactive" | "batch";
  created_ms: number;
  finished_ms?: number | null;
  inputs: Input[];
  params: Record<string, unknown>;
  labels: Record<string, string>;
  progress?: Progress | null;
  notice?: string | null;
  error?: Failure | null;
  artifacts: Artifact[];
  quality: Record<string, unknown>;
  timings?: { created_ms: number; finished_ms: number; compute_ms: number; steps: number } | null;
  revision: number;
}

export interface Page<T> {
  data: T[];
  next_cursor?: string | null;
}

export interface JobStep {
  stage: string;
  group: number;
  n: number;
  state: "done" | "failed" | "retrying";
  at_ms?: number;
  failures?: Failure[];
}

export interface StepEvent {
  job: string;
  at_ms: number;
  step?: { stage: string; group: number; n: number } | string | null;
  body: { event: string; attempt?: number; run_ms?: number; code?: string; message?: string; in_ms?: number; steps?: number };
}

export interface Kind {
  name: string;
  about: string;
  inputs: { min: number; max: number; roles: string[]; text: boolean; folder: boolean };
  steps: string[];
  notice?: string | null;
}

export interface Queue {
  kind: string;
  class: "interactive" | "batch";
  waiting: number;
  oldest_s?: number | null;
  work_s?: number | null;
  paused: boolean;
  slots: number;
}

export interface Worker {
  id: string;
  kinds: string[];
  slots: number;
  medley: string;
  started_ms: number;
  seen_ms: number;
}

export interface DeadLetter {
  step: { job: string; job_kind: string; kind: string; id: { stage: string; group: number; n: number }; attempt: number };
  failure: Failure;
  attempts: Failure[];
  at_ms: number;
}

export interface Webhook {
  id: string;
  url: string;
  description: string;
  events: string[];
  enabled: boolean;
  disabled_by?: string | null;
  created_ms: number;
}

export interface Delivery {
  id: string;
  message_id: string;
  event: string;
  state: string;
  count: number;
  tries: { at_ms: number; status?: number | null; problem?: string | null }[];
  created_ms: number;
  next_ms?: number | null;
}

export interface Token {
  id: string;
  name: string;
  scopes: Scope[];
  created_ms: number;
  expires_ms?: number | null;
  revoked_ms?: number | null;
}

/** The parts of JSON Schema that schemas of kinds use. */
export interface Schema {
  title?: string;
  description?: string;
  type?: string | string[];
  $ref?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  $defs?: Record<string, Schema>;
}
