// The jobs, the newest first: told of changes by one stream, read anew where that cannot tell.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PageProps } from "../props";
import { get, send } from "../api";
import { span, titleOf } from "../format";
import { t } from "../i18n";
import { follow, tellLink } from "../live";
import { refine, to } from "../route";
import type { Job, Kind, Page, StepEvent } from "../types";
import { Badge, Bar, Button, Confirm, Empty, Loading, Time, Trouble, useAction } from "../ui";

const PAGE = 50;
const STATES = ["queued", "running", "succeeded", "failed", "cancelled"] as const;
/** Changes are gathered for so long before the list is read again. */
const GATHER_MS = 700;
const READ_AGAIN_MS = 20_000;

function queryOf(place: PageProps["place"]): string {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const name of ["kind", "state"]) {
    const value = place.query.get(name);
    if (value) query.set(name, value);
  }
  const label = place.query.get("label") ?? "";
  const [name, value] = label.split("=");
  if (name && value) query.set(`label.${name}`, value);
  return query.toString();
}

/** Jobs that are there twice, by pages that overlap, are shown once. */
function joined(first: Job[], rest: Job[]): Job[] {
  const known = new Set(first.map((job) => job.id));
  return [...first, ...rest.filter((job) => !known.has(job.id))];
}

function useJobs(query: string) {
  const [state, set] = useState<{ jobs?: Job[]; next?: string | null; error?: unknown }>({});
  const timer = useRef<number>(undefined);
  const read = async () => {
    try {
      const page = await get<Page<Job>>(`/v1/jobs?${query}`);
      // What was loaded below the first page stays, unless it moved up into it.
      const oldest = page.data.at(-1)?.created_ms ?? 0;
      set((before) => {
        const below = (before.jobs ?? []).filter((job) => job.created_ms < oldest);
        return { jobs: page.next_cursor ? joined(page.data, below) : page.data, next: below.length ? before.next : page.next_cursor };
      });
    } catch (error) {
      set((before) => ({ ...before, error }));
    }
  };
  const soon = () => {
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      void read();
    }, GATHER_MS);
  };
  useEffect(() => {
    set({});
    void read();
    const step = (data: unknown) => {
      const { job, body } = data as StepEvent;
      if (body.event !== "progress") return soon();
      const { done, total, unit } = body as unknown as { done: number; total: number; unit: string };
      set((before) => ({ ...before, jobs: before.jobs?.map((one) => (one.id === job ? { ...one, state: "running", progress: { done, total, unit } } : one)) }));
    };
    const ended = (data: unknown) => {
      const job = data as Job;
      set((before) => ({ ...before, jobs: before.jobs?.map((one) => (one.id === job.id ? job : one)) }));
      soon();
    };
    const stop = follow("/v1/events", { step, job: ended, reset: soon }, tellLink);
    const again = window.setInterval(() => document.visibilityState === "visible" && soon(), READ_AGAIN_MS);
    return () => {
      stop();
      window.clearInterval(again);
      window.clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [query]);
  const more = async () => {
    const page = await get<Page<Job>>(`/v1/jobs?${query}&cursor=${encodeURIComponent(state.next ?? "")}`);
    set((before) => ({ jobs: joined(before.jobs ?? [], page.data), next: page.next_cursor }));
  };
  return { ...state, read, more };
}

function Filters({ place, kinds }: { place: PageProps["place"]; kinds: Kind[] }) {
  const now = { kind: place.query.get("kind") ?? "", state: place.query.get("state") ?? "", label: place.query.get("label") ?? "" };
  return (
    <div class="filters" role="search" aria-label={t("jobs.filter")}>
      <label class="field inline"><span class="label">{t("kind")}</span>
        <select value={now.kind} onChange={(event) => refine({ ...now, kind: event.currentTarget.value })}>
          <option value="">{t("all")}</option>
          {kinds.map((kind) => <option value={kind.name}>{kind.name}</option>)}
        </select>
      </label>
      <label class="field inline"><span class="label">{t("state")}</span>
        <select value={now.state} onChange={(event) => refine({ ...now, state: event.currentTarget.value })}>
          <option value="">{t("all")}</option>
          {STATES.map((state) => <option value={state}>{t(`state.${state}`)}</option>)}
        </select>
      </label>
      <label class="field inline"><span class="label">{t("label")}</span>
        <input type="search" placeholder="show=monday" value={now.label} size={16}
          onChange={(event) => refine({ ...now, label: event.currentTarget.value })} />
      </label>
    </div>
  );
}

function took(job: Job): string {
  if (job.finished_ms) return span((job.finished_ms - job.created_ms) / 1000);
  return "";
}

function Row({ job, chosen, choose }: { job: Job; chosen: boolean; choose: (on: boolean) => void }) {
  const title = titleOf(job.inputs) || job.id;
  const runs = job.state === "running" || job.state === "cancelling";
  const share = job.progress && job.progress.total > 0 ? job.progress.done / job.progress.total : null;
  return (
    <tr class={chosen ? "chosen" : ""}>
      <td class="pick"><input type="checkbox" checked={chosen} aria-label={t("jobs.choose", title)} onChange={(event) => choose(event.currentTarget.checked)} /></td>
      <td class="wide">
        <a class="title" href={to("jobs", job.id)}><bdi>{title}</bdi></a>
        {job.error && <span class="sub bad"><bdi>{job.error.message}</bdi></span>}
        {!job.error && Object.keys(job.labels).length > 0 && (
          <span class="sub"><bdi>{Object.entries(job.labels).map(([name, value]) => `${name}=${value}`).join(" · ")}</bdi></span>
        )}
      </td>
      <td data-label={t("kind")}>{job.kind}</td>
      <td data-label={t("state")}>
        <Badge state={job.state} />
        {runs && <Bar share={share} label={t("progress.of", title)} />}
      </td>
      <td data-label={t("created")}><Time ms={job.created_ms} /></td>
      <td data-label={t("took")} class="num">{took(job)}</td>
    </tr>
  );
}

type Act = "cancel" | "retry" | "delete";
const isOver = (job: Job) => ["succeeded", "failed", "cancelled"].includes(job.state);

function Chosen({ jobs, done }: { jobs: Job[]; done: () => void }) {
  const { busy, error, run } = useAction();
  const [asked, ask] = useState<Act>();
  const fits: Record<Act, Job[]> = { cancel: jobs.filter((job) => !isOver(job)), retry: jobs.filter(isOver), delete: jobs };
  const act = (what: Act) => run(async () => {
    ask(undefined);
    for (const job of fits[what]) {
      await (what === "delete" ? send("DELETE", `/v1/jobs/${job.id}`) : send("POST", `/v1/jobs/${job.id}/${what}`));
    }
    done();
  });
  return (
    <div class="chosen-bar" role="group" aria-label={t("jobs.chosen", jobs.length)}>
      <strong>{t("jobs.chosen", jobs.length)}</strong>
      {jobs.length > 1 && jobs.length <= 4 && <a class="button" href={to("jobs", jobs.map((job) => job.id).join(","))}>{t("jobs.compare")}</a>}
      <Button disabled={busy || fits.cancel.length === 0} onClick={() => act("cancel")}>{t("cancel")}</Button>
      <Button disabled={busy || fits.retry.length === 0} onClick={() => act("retry")}>{t("retry")}</Button>
      <Button kind="danger" disabled={busy} onClick={() => ask("delete")}>{t("delete")}</Button>
      {error !== undefined && <Trouble error={error} />}
      {asked && (
        <Confirm title={t("jobs.delete", jobs.length)} yes={t("delete")} danger onYes={() => act("delete")} onNo={() => ask(undefined)}>
          <p>{t("delete.for.good")}</p>
        </Confirm>
      )}
    </div>
  );
}

/** What the list is filtered by, as the gateway takes it. */
function filterOf(place: PageProps["place"]): Record<string, unknown> {
  const filter: Record<string, unknown> = {};
  for (const name of ["kind", "state"]) if (place.query.get(name)) filter[name] = place.query.get(name);
  const [name, value] = (place.query.get("label") ?? "").split("=");
  if (name && value) filter.labels = { [name]: value };
  return filter;
}

/** Done to all that match the filters, also to those that are not on the page. */
function All({ place, done }: { place: PageProps["place"]; done: () => void }) {
  const { busy, error, run } = useAction();
  const [asked, ask] = useState<Act>();
  const [told, tell] = useState<{ done: number; failed: number }>();
  const act = (action: Act) => run(async () => {
    ask(undefined);
    const sum = { done: 0, failed: 0 };
    for (let cursor: string | null | undefined = ""; cursor != null;) {
      const page: { done: string[]; failed: unknown[]; next_cursor?: string | null } =
        await send("POST", "/v1/jobs/actions", { action, filter: filterOf(place), ...(cursor ? { cursor } : {}) });
      sum.done += page.done.length;
      sum.failed += page.failed.length;
      tell({ ...sum });
      cursor = page.next_cursor;
    }
    done();
  });
  return (
    <div class="row" role="group" aria-label={t("jobs.all")}>
      <span class="help">{t("jobs.all")}</span>
      {(["cancel", "retry", "delete"] as const).map((action) => (
        <Button kind={action === "delete" ? "danger" : "plain"} disabled={busy} aria-label={`${t("jobs.all")} ${t(action)}`} onClick={() => ask(action)}>{t(action)}</Button>
      ))}
      {told && <span class="help" role="status">{t("jobs.all.done", told.done, told.failed)}</span>}
      {error !== undefined && <Trouble error={error} />}
      {asked && (
        <Confirm title={`${t("jobs.all")} ${t(asked)}`} yes={t(asked)} danger={asked === "delete"} onYes={() => act(asked)} onNo={() => ask(undefined)}>
          <p>{asked === "delete" ? t("delete.for.good") : t("jobs.all.help")}</p>
        </Confirm>
      )}
    </div>
  );
}

export function Jobs({ place, session }: PageProps) {
  const query = queryOf(place);
  const { jobs, next, error, read, more } = useJobs(query);
  const [kinds, setKinds] = useState<Kind[]>([]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const loading = useAction();
  useEffect(() => void get<Page<Kind>>("/v1/kinds").then((page) => setKinds(page.data), () => {}), []);
  const picked = useMemo(() => (jobs ?? []).filter((job) => chosen.has(job.id)), [jobs, chosen]);
  const filtered = query !== `limit=${PAGE}`;
  const choose = (id: string, on: boolean) => {
    const now = new Set(chosen);
    if (on) now.add(id);
    else now.delete(id);
    setChosen(now);
  };
  return (
    <>
      <div class="page-head">
        <h1>{t("nav.jobs")}</h1>
        <a class="button primary" href={to("new")}>{t("nav.new")}</a>
      </div>
      <Filters place={place} kinds={kinds} />
      {filtered && jobs && jobs.length > 0 && session.scopes.includes("admin") && <All key={query} place={place} done={read} />}
      {error !== undefined && <Trouble error={error} again={read} />}
      {!jobs && error === undefined && <Loading />}
      {jobs && jobs.length === 0 && (filtered
        ? <Empty title={t("jobs.none.fit")}><p>{next ? <Button onClick={() => loading.run(more)}>{t("jobs.look.on")}</Button> : null}</p></Empty>
        : <Empty title={t("jobs.none")}><p>{t("jobs.none.help")}</p><a class="button primary" href={to("new")}>{t("nav.new")}</a></Empty>)}
      {jobs && jobs.length > 0 && (
        <>
          {picked.length > 0 && session.scopes.includes("submit") && <Chosen jobs={picked} done={() => { setChosen(new Set()); void read(); }} />}
          <table class="table stacked">
            <thead><tr><th class="pick"><span class="hidden">{t("choose")}</span></th><th>{t("input")}</th><th>{t("kind")}</th><th>{t("state")}</th><th>{t("created")}</th><th class="num">{t("took")}</th></tr></thead>
            <tbody>
              {jobs.map((job) => <Row key={job.id} job={job} chosen={chosen.has(job.id)} choose={(on) => choose(job.id, on)} />)}
            </tbody>
          </table>
          {next && <div class="row centre"><Button disabled={loading.busy} onClick={() => loading.run(more)}>{t("more")}</Button></div>}
          {loading.error !== undefined && <Trouble error={loading.error} />}
        </>
      )}
    </>
  );
}

