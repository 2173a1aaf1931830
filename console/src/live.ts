// One stream of events for each page. A browser comes back by itself after a break, but gives up when it is answered with an
// error: then this comes back for it.
import { useEffect, useState } from "preact/hooks";
import { ask } from "./api";

const SOONEST_MS = 2_000;
const LATEST_MS = 30_000;

/** None: the page follows nothing. */
export type Link = "none" | "connecting" | "live" | "broken";
export type Heard = Record<string, (data: unknown) => void>;

/** Follows until the returned function is called; `over` ends it when nothing more comes. */
export function follow(path: string, heard: Heard, tell: (link: Link) => void, over: () => boolean = () => false): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let wait = SOONEST_MS;
  let lastId = "";
  const open = () => {
    const at = lastId ? `${path}?last_event_id=${encodeURIComponent(lastId)}` : path;
    source = new EventSource(at);
    source.onopen = () => {
      wait = SOONEST_MS;
      tell("live");
    };
    source.onerror = () => {
      if (over()) return stop();
      tell("broken");
      if (source?.readyState === EventSource.CLOSED) {
        // A stream does not say why it was refused: whoever is not signed in any more hears of it by this.
        ask("GET", "/v1/jobs?limit=1").catch(() => {});
        timer = window.setTimeout(open, wait);
        wait = Math.min(wait * 2, LATEST_MS);
      }
    };
    for (const [name, take] of Object.entries(heard)) {
      source.addEventListener(name, (event) => {
        const { data, lastEventId } = event as MessageEvent<string>;
        if (lastEventId) lastId = lastEventId;
        take(JSON.parse(data));
      });
    }
  };
  const stop = () => {
    window.clearTimeout(timer);
    source?.close();
  };
  tell("connecting");
  open();
  return stop;
}

// The shell shows how the page's stream is.
let link: Link = "none";
const watchers = new Set<(link: Link) => void>();

export function tellLink(now: Link) {
  link = now;
  for (const watcher of watchers) watcher(now);
}

export function useLink(): Link {
  const [now, set] = useState(link);
  useEffect(() => {
    watchers.add(set);
    return () => void watchers.delete(set);
  }, []);
  return now;
}
