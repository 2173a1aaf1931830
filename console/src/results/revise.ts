// Saves corrections: changed files become the job's next revision, on top of the one that was read.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem, ask } from "../api";

const QUIET_MS = 2_500;

export interface FileOfRevision {
  name: string;
  type: string;
  text: string;
}

export type Saving = "saved" | "changed" | "saving" | "stale" | "failed";

async function save(job: string, base: number, note: string, files: FileOfRevision[]): Promise<number> {
  const form = new FormData();
  form.set("note", note);
  for (const { name, type, text } of files) form.append(name, new Blob([text], { type }), name);
  const response = await ask("POST", `/v1/jobs/${job}/revisions`, { body: form, headers: { "If-Match": `"${base}"` } });
  return ((await response.json()) as { number: number }).number;
}

/** Saves what changed a moment after the last change, and at once when the page is left. */
export function useRevisions(job: string, first: number, note: string, files: () => FileOfRevision[]) {
  const [state, setState] = useState<Saving>("saved");
  const [error, setError] = useState<unknown>();
  const [revision, setRevision] = useState(first);
  const base = useRef(first);
  const making = useRef(files);
  making.current = files;
  const timer = useRef<number>(undefined);
  const dirty = useRef(false);
  const active = useRef<Promise<void>>(undefined);

  const write = useCallback(async () => {
    if (!dirty.current) return;
    dirty.current = false;
    setState("saving");
    try {
      base.current = await save(job, base.current, note, making.current());
      setRevision(base.current);
      setError(undefined);
      setState(dirty.current ? "changed" : "saved");
    } catch (trouble) {
      dirty.current = true;
      setError(trouble);
      setState(trouble instanceof Problem && trouble.status === 412 ? "stale" : "failed");
    }
  }, [job]);
  /** One at a time. */
  const now = useCallback(() => {
    window.clearTimeout(timer.current);
    active.current = (active.current ?? Promise.resolve()).then(write);
    return active.current;
  }, [write]);
  const touch = useCallback(() => {
    dirty.current = true;
    setState("changed");
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => void now(), QUIET_MS);
  }, [now]);
  /** Writes over what somebody else saved meanwhile. */
  const overwrite = useCallback(async () => {
    const response = await ask("GET", `/v1/jobs/${job}/revisions`);
    base.current = Number(response.headers.get("ETag")?.replace(/\D/g, "") ?? base.current);
    await now();
  }, [job, now]);
  useEffect(() => {
    const leave = () => void now();
    const warn = (event: BeforeUnloadEvent) => {
      if (dirty.current) event.preventDefault();
    };
    const hidden = () => document.visibilityState === "hidden" && leave();
    document.addEventListener("visibilitychange", hidden);
    window.addEventListener("beforeunload", warn);
    return () => {
      document.removeEventListener("visibilitychange", hidden);
      window.removeEventListener("beforeunload", warn);
      leave();
    };
  }, [now]);
  return { state, error, revision, touch, now, overwrite };
}

/** A value with its past: undo and redo. */
export function useHistory<T>(first: T) {
  const [{ past, present, future }, set] = useState({ past: [] as T[], present: first, future: [] as T[] });
  const change = (make: (now: T) => T) => set((before) => {
    const next = make(before.present);
    return Object.is(next, before.present) ? before : { past: [...before.past.slice(-200), before.present], present: next, future: [] };
  });
  const undo = () => set((before) => (before.past.length
    ? { past: before.past.slice(0, -1), present: before.past.at(-1)!, future: [before.present, ...before.future] } : before));
  const redo = () => set((before) => (before.future.length
    ? { past: [...before.past, before.present], present: before.future[0]!, future: before.future.slice(1) } : before));
  return { value: present, change, undo, redo, canUndo: past.length > 0, canRedo: future.length > 0 };
}
