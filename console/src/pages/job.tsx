// One job: where it stands, how it came there, and what it made. Several can be looked at side by side: `#/jobs/A,B`.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { PageProps, ResultProps } from "../props";
import { get, send } from "../api";
import { number, span, titleOf } from "../format";
import { maybe, t } from "../i18n";
import { follow, tellLink } from "../live";
import { go, to } from "../route";
import type { DeadLetter, Job, JobStep, Page, Progress, StepEvent } from "../types";
import { Badge, Bar, Button, Confirm, Copy, Empty, Loading, Notice, Panel, Time, Trouble, useAction, useLoaded } from "../ui";

/** How the results of a kind are looked at; every kind has its files besides. */
const RESULTS: Record<string, () => Promise<ComponentType<ResultProps>>> = {
  transcript: async () => (await import("../results/transcript")).Transcript,
  receipt: async () => (await import("../results/receipt")).Receipt,
  speech: async () => (await import("../results/speech")).Speech,
  pictures: async () => (await import("../results/pictures")).Pictures,
  film: async () => (await import("../results/film")).Film,
  library: async () => (await import("../results/library")).Library,
};

function resultOf(job: Job): string | undefined {
  const has = (name: string) => job.artifacts.some((artifact) => artifact.name === name);
  if (has("transcript.json")) return "transcript";
  if (has("receipt.json")) return "receipt";
  if (job.artifacts.some((artifact) => artifact.media_type.startsWith("video/"))) return "film";
  if (has("timing.json")) return "speech";
  if (has("captions.jsonl")) return "library";
  if (job.artifacts.some((artifact) => artifact.media_type.startsWith("image/"))) return "pictures";
  return undefined;
}

/** These have two columns of their own. */
const WIDE: ReadonlySet<string> = new Set(["receipt", "library"]);

const isOver = (job: Job) => ["succeeded", "failed", "cancelled"].includes(job.state);
const MAX_LOG = 300;

interface Line {
  at_ms: number;
  text: string;
  bad: boolean;
}

function stepName(step: StepEvent["step"]): string {
  if (!step) return "";
  return typeof step === "string" ? step : `${step.stage}/${step.group}/${step.n}`;
}

function lineOf({ at_ms, step, body }: StepEvent): Line {
  const name = stepName(step);
  switch (body.event) {
    case "started": return { at_ms, text: t("event.started", name, body.attempt ?? 1), bad: false };
    case "done": return { at_ms, text: t("event.done", name, span((body.run_ms ?? 0) / 1000)), bad: false };
    case "retrying": return { at_ms, text: t("event.retrying", name, body.message ?? "", span((body.in_ms ?? 0) / 1000)), bad: true };
    default: return { at_ms, text: `${name} ${body.event}`, bad: false };
  }
}

function useJob(id: string) {
  const [job, setJob] = useState<Job>();
  const [gone, setGone] = useState(false);
  const [error, setError] = useState<unknown>();
  const [log, setLog] = useState<Line[]>([]);
  const [running, setRunning] = useState<ReadonlyMap<string, number>>(new Map());
  const [round, setRound] = useState(0);
  const over = useRef(false);
  useEffect(() => {
    let stop = () => {};
    let left = false;
    over.current = false;
    const take = (now: Job) => {
      over.current = isOver(now);
      setJob(now);
    };
    get<Job>(`/v1/jobs/${id}`).then((first) => {
      if (left) return;
      take(first);
      if (isOver(first)) return;
      stop = follow(`/v1/jobs/${id}/events`, {
        job: (data) => take(data as Job),
        progress: (data) => setJob((before) => before && { ...before, progress: data as Progress }),
        gone: () => { over.current = true; setGone(true); },
        step: (data) => {
          const event = data as StepEvent;
          setLog((before) => [...before.slice(-MAX_LOG), lineOf(event)]);
          setRunning((before) => {
            const now = new Map(before);
            if (event.body.event === "started") now.set(stepName(event.step), event.at_ms);
            else now.delete(stepName(event.step));
            return now;
          });
        },
      }, (link) => tellLink(over.current ? "none" : link), () => over.current);
    }, setError);
    return () => {
      left = true;
      stop();
    };
  }, [id, round]);
  const reload = () => { setError(undefined); setRound((n) => n + 1); };
  return { job, gone, error, log, running, reload };
}

interface Stage {
  name: string;
  done: number;
  failed: number;
  retrying: number;
  running: number;
  from?: number;
  until?: number;
}

/** What is known of each stage, in the order in which they came to something. */
function stagesOf(job: Job, steps: JobStep[], running: ReadonlyMap<string, number>): Stage[] {
  const stages = new Map<string, Stage>();
  const of = (name: string) => {
    const found = stages.get(name) ?? { name, done: 0, failed: 0, retrying: 0, running: 0 };
    stages.set(name, found);
    return found;
  };
  for (const step of [...steps].sort((one, other) => (one.at_ms ?? Infinity) - (other.at_ms ?? Infinity))) {
    const stage = of(step.stage);
    stage[step.state] += 1;
    if (step.at_ms) {
      stage.from = Math.min(stage.from ?? step.at_ms, step.at_ms);
      stage.until = Math.max(stage.until ?? 0, step.at_ms);
    }
  }
  for (const name of running.keys()) if (!isOver(job)) of(name.split("/")[0] ?? name).running += 1;
  return [...stages.values()];
}

function Stages({ job, running }: { job: Job; running: ReadonlyMap<string, number> }) {
  const [steps, setSteps] = useState<JobStep[]>([]);
  useEffect(() => {
    const read = () => void get<Page<JobStep>>(`/v1/jobs/${job.id}/steps`).then((page) => setSteps(page.data), () => {});
    read();
    if (isOver(job)) return;
    const timer = setInterval(read, 4000);
    return () => clearInterval(timer);
  }, [job.id, job.state]);
  const stages = stagesOf(job, steps, running);
  const failures = steps.flatMap((step) => (step.failures ?? []).map((failure) => ({ step, failure })));
  if (stages.length === 0) return null;
  return (
    <Panel title={t("stages")}>
      <ol class="stages">
        {stages.map((stage) => (
          <li class={stage.failed ? "is-failed" : stage.running ? "is-running" : stage.retrying ? "" : "is-done"}>
            <strong>{stage.name}</strong>
            <span class="sub">
              {[stage.done && t("steps.done", stage.done), stage.running && t("steps.running", stage.running), stage.failed && t("steps.failed", stage.failed), stage.retrying && t("steps.retrying", stage.retrying)].filter(Boolean).join(" · ")}
            </span>
            {stage.until && <span class="sub">{t("steps.at", span((stage.until - job.created_ms) / 1000))}</span>}
          </li>
        ))}
      </ol>
      {failures.length > 0 && (
        <details open={job.state === "failed"}>
          <summary>{t("attempts", failures.length)}</summary>
          <ul class="log" tabIndex={0} aria-label={t("attempts", failures.length)}>
            {failures.map(({ step, failure }) => (
              <li><time>{new Date(failure.at_ms).toLocaleTimeString()}</time><span class="bad"><bdi>{`${step.stage}/${step.group}/${step.n} #${failure.attempt} ${failure.message}`}</bdi></span></li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

function Waiting({ job }: { job: Job }) {
  const { progress } = job;
  const share = progress && progress.total > 0 ? progress.done / progress.total : null;
  const [short, long] = progress?.left_s ?? [];
  return (
    <Panel title={t("progress")}>
      <Bar share={share} label={t("progress")} />
      <p role="status">
        {progress ? t("progress.units", number(progress.done, 1), number(progress.total, 1), progress.unit) : t("progress.unknown")}
        {short !== undefined && long !== undefined && ` · ${short === long || long < 2 ? t("left", span(long)) : t("left.range", span(short), span(long))}`}
        {progress?.stage && <span class="sub">{progress.stage}</span>}
      </p>
      {job.notice && <Notice tone="warn"><span lang="en">{job.notice}</span></Notice>}
    </Panel>
  );
}

function Failed({ job, again }: { job: Job; again: () => void }) {
  if (!job.error) return null;
  const { code, message, causes } = job.error;
  return (
    <div class="notice is-bad" role="alert">
      <div class="stack">
        <p><strong><bdi>{message}</bdi></strong> <code>{code}</code></p>
        <p>{maybe(`todo.${code}`, t("todo"))}</p>
        {causes && causes.length > 0 && <details><summary>{t("causes")}</summary><ul>{causes.map((cause) => <li><bdi>{cause}</bdi></li>)}</ul></details>}
      </div>
      <Button onClick={again}>{t("retry")}</Button>
    </div>
  );
}

const show = (value: unknown) => (typeof value === "string" ? value : typeof value === "number" ? number(value, 3) : JSON.stringify(value));

function Facts({ job }: { job: Job }) {
  const warnings = Array.isArray(job.quality.warnings) ? job.quality.warnings as unknown[] : [];
  const quality = Object.entries(job.quality).filter(([name]) => name !== "warnings");
  return (
    <>
      <Panel title={t("about")}>
        <dl class="facts">
          <dt>{t("kind")}</dt><dd>{job.kind}</dd>
          <dt>{t("job.id")}</dt><dd><code>{job.id}</code> <Copy text={job.id} /></dd>
          <dt>{t("created")}</dt><dd><Time ms={job.created_ms} /></dd>
          {job.timings && <><dt>{t("took")}</dt><dd>{span((job.timings.finished_ms - job.timings.created_ms) / 1000)}</dd>
            <dt>{t("cost")}</dt><dd>{t("cost.cpu", span(job.timings.compute_ms / 1000), job.timings.steps)}</dd></>}
          <dt>{t("class")}</dt><dd>{t(`class.${job.class}`)}</dd>
          {job.revision > 0 && <><dt>{t("revision")}</dt><dd>{job.revision}</dd></>}
          {Object.entries(job.labels).map(([name, value]) => <><dt><bdi>{name}</bdi></dt><dd><bdi>{value}</bdi></dd></>)}
        </dl>
      </Panel>
      <Panel title={t("inputs")}>
        <ul class="files">
          {job.inputs.map((input, n) => (
            <li><bdi>{"text" in input.source ? titleOf([input]) : input.name}</bdi>{" "}
              {"stored" in input.source && <a href={`/v1/jobs/${job.id}/inputs/${n}?download=1`}>{t("download")}</a>}</li>
          ))}
        </ul>
      </Panel>
      {(quality.length > 0 || warnings.length > 0) && (
        <Panel title={t("quality")}>
          {warnings.map((warning) => <Notice tone="warn"><bdi>{show(warning)}</bdi></Notice>)}
          <dl class="facts">{quality.map(([name, value]) => <><dt>{name.replace(/_/g, " ")}</dt><dd><bdi>{show(value)}</bdi></dd></>)}</dl>
        </Panel>
      )}
      <details class="panel"><summary>{t("params")}</summary>
        <dl class="facts">{Object.entries(job.params).map(([name, value]) => <><dt>{name.replace(/_/g, " ")}</dt><dd><bdi>{show(value)}</bdi></dd></>)}</dl>
      </details>
    </>
  );
}

function Log({ lines }: { lines: Line[] }) {
  if (lines.length === 0) return null;
  return (
    <Panel title={t("events")}>
      <ul class="log" tabIndex={0} aria-label={t("events")}>
        {[...lines].reverse().map((line) => (
          <li><time>{new Date(line.at_ms).toLocaleTimeString()}</time><span class={line.bad ? "bad" : ""}><bdi>{line.text}</bdi></span></li>
        ))}
      </ul>
    </Panel>
  );
}

function Result(props: ResultProps) {
  const name = resultOf(props.job);
  const [view, setView] = useState<{ name: string; View: ComponentType<ResultProps> }>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    if (name) RESULTS[name]?.().then((View) => setView({ name, View }), setError);
  }, [name]);
  if (error) return <Trouble error={error} />;
  if (!name) return null;
  if (view?.name !== name) return <Loading />;
  return <view.View {...props} />;
}

function Files({ job }: { job: Job }) {
  const [View, setView] = useState<ComponentType<{ job: Job }>>();
  useEffect(() => void import("../results/files").then((module) => setView(() => module.Files)), []);
  return View ? <View job={job} /> : null;
}

function Actions({ job, session, reload }: { job: Job; session: PageProps["session"]; reload: () => void }) {
  const { busy, error, run } = useAction();
  const [asked, ask] = useState(false);
  const mayReplay = job.state === "failed" && session.scopes.includes("admin");
  const letters = useLoaded(async (signal) => (mayReplay ? get<Page<DeadLetter>>(`/v1/dead/${job.id}`, signal) : undefined), [job.id, mayReplay]);
  const retry = () => run(async () => go("jobs", (await send<Job>("POST", `/v1/jobs/${job.id}/retry`)).id));
  const cancel = () => run(async () => { await send("POST", `/v1/jobs/${job.id}/cancel`); reload(); });
  const remove = () => run(async () => { await send("DELETE", `/v1/jobs/${job.id}`); go("jobs"); });
  const replay = () => run(async () => { await send("POST", `/v1/dead/${job.id}/replay`); reload(); });
  return (
    <>
      <div class="row">
        {!isOver(job) && <Button disabled={busy || job.state === "cancelling"} onClick={cancel}>{t("cancel")}</Button>}
        {isOver(job) && <Button disabled={busy} onClick={retry}>{t("retry")}</Button>}
        {letters.value !== undefined && letters.value.data.length > 0 && <Button disabled={busy} onClick={replay} title={t("replay.help")}>{t("replay")}</Button>}
        {isOver(job) && <a class="button" href={`${to("new", job.kind)}?again=${job.id}`}>{t("again.other")}</a>}
        <Button kind="danger" disabled={busy} onClick={() => ask(true)}>{t("delete")}</Button>
      </div>
      {error !== undefined && <Trouble error={error} />}
      {asked && <Confirm title={t("job.delete")} yes={t("delete")} danger onYes={remove} onNo={() => ask(false)}><p>{t("delete.for.good")}</p></Confirm>}
    </>
  );
}

function One({ id, session, narrow }: { id: string; session: PageProps["session"]; narrow: boolean }) {
  const { job, gone, error, log, running, reload } = useJob(id);
  const maySubmit = session.scopes.includes("submit");
  const retry = useAction();
  if (gone) return <Empty title={t("job.gone")}><a href={to("jobs")}>{t("nav.jobs")}</a></Empty>;
  if (error && !job) return <Trouble error={error} again={reload} />;
  if (!job) return <Loading />;
  const isWide = WIDE.has(resultOf(job) ?? "");
  const again = () => void retry.run(async () => go("jobs", (await send<Job>("POST", `/v1/jobs/${job.id}/retry`)).id));
  return (
    <div class="stack">
      <div class="page-head">
        <div class="stack">
          <h1><bdi>{titleOf(job.inputs) || job.id}</bdi></h1>
          <p class="row"><Badge state={job.state} /><span class="sub">{job.kind}</span></p>
        </div>
        {maySubmit && <Actions job={job} session={session} reload={reload} />}
      </div>
      <Failed job={job} again={again} />
      {retry.error !== undefined && <Trouble error={retry.error} />}
      <div class={narrow || isWide ? "stack" : "columns"}>
        <div class="stack">
          {!isOver(job) && <Waiting job={job} />}
          {job.state === "succeeded" && <Result job={job} mayEdit={maySubmit} changed={reload} />}
          {job.artifacts.length > 0 && <Files job={job} />}
          <Stages job={job} running={running} />
          <Log lines={log} />
        </div>
        <div class={isWide ? "wide-result" : "stack"}><Facts job={job} /></div>
      </div>
    </div>
  );
}

export function JobPlace({ place, session }: PageProps) {
  const ids = (place.path[1] ?? "").split(",").filter(Boolean).slice(0, 4);
  if (ids.length === 1) return <One key={ids[0]} id={ids[0]!} session={session} narrow={false} />;
  return <div class="cards">{ids.map((id) => <One key={id} id={id} session={session} narrow />)}</div>;
}

