// What all pages are made of.
import type { ComponentChildren, JSX } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Away, Problem } from "./api";
import { ago, moment } from "./format";
import { maybe, t } from "./i18n";
import type { State } from "./types";

type Children = { children?: ComponentChildren };

export function Badge({ state }: { state: State }) {
  return <span class={`badge is-${state}`}>{maybe(`state.${state}`, state)}</span>;
}

export function Button({ kind = "plain", ...rest }: JSX.IntrinsicElements["button"] & { kind?: "plain" | "primary" | "danger" | "quiet" }) {
  return <button type="button" {...rest} class={`button ${kind} ${rest.class ?? ""}`} />;
}

export function Time({ ms }: { ms: number }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 30_000);
    return () => clearInterval(timer);
  }, []);
  return <time dateTime={new Date(ms).toISOString()} title={moment(ms)}>{ago(ms)}</time>;
}

export function Empty({ title, children }: Children & { title: string }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Shown only when it lasts, so that quick pages do not flicker. */
export function Loading({ what }: { what?: string }) {
  const [late, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), 250);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading" role="status">
      {late && <><span class="spinner" aria-hidden="true" /> {what ?? t("loading")}</>}
    </div>
  );
}

export function sentence(error: unknown): string {
  if (error instanceof Away) return t("error.away");
  if (error instanceof Problem) return error.message;
  return error instanceof Error ? error.message : String(error);
}

export function Trouble({ error, again }: { error: unknown; again?: () => void }) {
  const code = error instanceof Problem ? error.code : undefined;
  return (
    <div class="notice is-bad" role="alert">
      <p>{sentence(error)} {code && <code>{code}</code>}</p>
      {again && <Button onClick={again}>{t("again")}</Button>}
    </div>
  );
}

export function Notice({ tone = "info", children }: Children & { tone?: "info" | "warn" | "bad" | "good" }) {
  return <div class={`notice is-${tone}`} role={tone === "bad" ? "alert" : "note"}>{children}</div>;
}

export function Bar({ share, label }: { share: number | null; label: string }) {
  const known = share !== null;
  return <progress class="bar" aria-label={label} max={1} value={known ? Math.min(1, share) : undefined} />;
}

export function Panel({ title, extra, children, id }: Children & { title: string; extra?: ComponentChildren; id?: string }) {
  return (
    <section class="panel" aria-label={title} id={id}>
      <header class="panel-head"><h2>{title}</h2>{extra && <div class="panel-extra">{extra}</div>}</header>
      {children}
    </section>
  );
}

/** What a page reads, its trouble, and how to read it again. */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, deps: unknown[]): {
  value?: T; error?: unknown; reload: () => void; set: (value: T) => void;
} {
  const [state, setState] = useState<{ value?: T; error?: unknown }>({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    load(stop.signal).then(
      (value) => !stop.signal.aborted && setState({ value }),
      (error) => !stop.signal.aborted && setState((before) => ({ value: before.value, error })),
    );
    return () => stop.abort();
  }, [...deps, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { ...state, reload, set: (value) => setState({ value }) };
}

/** Does something once at a time, and keeps what went wrong. */
export function useAction(): { busy: boolean; error: unknown; run: (act: () => Promise<unknown>) => Promise<boolean>; clear: () => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async (act: () => Promise<unknown>) => {
    setBusy(true);
    setError(undefined);
    try {
      await act();
      return true;
    } catch (trouble) {
      setError(trouble);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run, clear: () => setError(undefined) };
}

/** A question before what cannot be undone. */
export function Confirm({ title, children, yes, danger, onYes, onNo }: Children & {
  title: string; yes: string; danger?: boolean; onYes: () => void; onNo: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="dialog" aria-label={title} onClose={onNo}>
      <h2>{title}</h2>
      <div>{children}</div>
      <div class="row end">
        <Button onClick={() => dialog.current?.close()}>{t("no")}</Button>
        <Button kind={danger ? "danger" : "primary"} onClick={onYes}>{yes}</Button>
      </div>
    </dialog>
  );
}

export function Copy({ text }: { text: string }) {
  const [done, set] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return <Button kind="quiet" onClick={copy} aria-live="polite">{done ? t("copied") : t("copy")}</Button>;
}

/** Text of the server's that may be long. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>{text}</pre>
      <Copy text={text} />
    </div>
  );
}

export function saveFile(name: string, text: string, type: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
