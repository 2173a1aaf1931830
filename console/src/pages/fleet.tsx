// What waits, who works on it, and what was given up.
import { useEffect, useRef, useState } from "preact/hooks";
import type { PageProps } from "../props";
import { get, send } from "../api";
import { number, span } from "../format";
import { t } from "../i18n";
import { tellLink } from "../live";
import { to } from "../route";
import type { DeadLetter, Page, Queue, Worker } from "../types";
import { Button, Confirm, Empty, Loading, Notice, Panel, Time, Trouble, sentence, useAction } from "../ui";

const EVERY_MS = 3_000;
/** An hour of samples is kept while the page is open. */
const SAMPLES = 1_200;

interface Sample {
  at: number;
  waiting: Record<string, number>;
}

function useFleet() {
  const [state, set] = useState<{ queues?: Queue[]; workers?: Worker[]; error?: unknown }>({});
  const samples = useRef<Sample[]>([]);
  const [round, setRound] = useState(0);
  useEffect(() => {
    let left = false;
    let timer: number;
    const read = async () => {
      try {
        const [queues, workers] = await Promise.all([get<Page<Queue>>("/v1/queues"), get<Page<Worker>>("/v1/workers")]);
        if (left) return;
        const waiting: Record<string, number> = {};
        for (const queue of queues.data) waiting[queue.kind] = (waiting[queue.kind] ?? 0) + queue.waiting;
        samples.current = [...samples.current.slice(1 - SAMPLES), { at: Date.now() / 1000, waiting }];
        set({ queues: queues.data, workers: workers.data });
        tellLink("live");
      } catch (error) {
        if (!left) set((before) => ({ ...before, error }));
        tellLink("broken");
      }
      if (!left) timer = window.setTimeout(() => void read(), document.visibilityState === "visible" ? EVERY_MS : EVERY_MS * 5);
    };
    void read();
    return () => {
      left = true;
      window.clearTimeout(timer);
    };
  }, [round]);
  return { ...state, samples: samples.current, reload: () => setRound((n) => n + 1) };
}

function Chart({ samples, kinds }: { samples: Sample[]; kinds: string[] }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<{ setData: (data: number[][]) => void; destroy: () => void; setSize: (size: { width: number; height: number }) => void }>(undefined);
  const data = () => [samples.map((one) => one.at), ...kinds.map((kind) => samples.map((one) => one.waiting[kind] ?? 0))];
  useEffect(() => {
    let left = false;
    const watcher = new ResizeObserver(() => place.current && plot.current?.setSize({ width: place.current.clientWidth, height: 180 }));
    void import("../chart").then(({ chart }) => {
      if (left || !place.current) return;
      plot.current = chart(place.current, kinds, data(), t("waiting"));
      watcher.observe(place.current);
    });
    return () => {
      left = true;
      watcher.disconnect();
      plot.current?.destroy();
    };
  }, [kinds.join()]);
  useEffect(() => plot.current?.setData(data()), [samples.length, samples.at(-1)?.at]);
  return <div class="chart" ref={place} role="img" aria-label={t("chart", kinds.map((kind) => `${kind}: ${samples.at(-1)?.waiting[kind] ?? 0}`).join(", "))} />;
}

function Queues({ queues, mayPause, reload }: { queues: Queue[]; mayPause: boolean; reload: () => void }) {
  const { busy, error, run } = useAction();
  const kinds = [...new Set(queues.map((queue) => queue.kind))];
  const toggle = (kind: string, paused: boolean) => run(async () => {
    await send("POST", `/v1/kinds/${kind}/${paused ? "resume" : "pause"}`);
    reload();
  });
  return (
    <>
      {error !== undefined && <Trouble error={error} />}
      <div class="scroll">
        <table class="table">
          <thead><tr><th>{t("step.kind")}</th><th class="num">{t("class.interactive")}</th><th class="num">{t("class.batch")}</th><th class="num">{t("oldest")}</th><th class="num">{t("work")}</th><th class="num">{t("slots")}</th><th>{t("state")}</th><th><span class="hidden">{t("actions")}</span></th></tr></thead>
          <tbody>
            {kinds.map((kind) => {
              const of = queues.filter((queue) => queue.kind === kind);
              const oldest = of.flatMap((queue) => (queue.oldest_s != null ? [queue.oldest_s] : []));
              const work = of.flatMap((queue) => (queue.work_s != null ? [queue.work_s] : []));
              const waiting = (name: Queue["class"]) => of.find((queue) => queue.class === name)?.waiting ?? 0;
              const [slots, paused] = [of[0]?.slots ?? 0, of.some((queue) => queue.paused)];
              return (
                <tr key={kind}>
                  <td>{kind}</td>
                  <td class="num">{number(waiting("interactive"))}</td>
                  <td class="num">{number(waiting("batch"))}</td>
                  <td class="num">{oldest.length ? span(Math.max(...oldest)) : "–"}</td>
                  <td class="num">{work.length ? span(work.reduce((sum, one) => sum + one, 0)) : "–"}</td>
                  <td class="num">{slots}</td>
                  <td>{paused ? <span class="badge is-warn">{t("paused")}</span> : slots === 0 ? <span class="badge is-failed">{t("unserved")}</span> : <span class="badge is-succeeded">{t("served")}</span>}</td>
                  <td class="num">{mayPause && <Button disabled={busy} aria-label={`${paused ? t("resume") : t("pause")} ${kind}`} onClick={() => toggle(kind, paused)}>{paused ? t("resume") : t("pause")}</Button>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Workers({ workers }: { workers: Worker[] }) {
  if (workers.length === 0) return <Empty title={t("workers.none")}><code>medley worker</code></Empty>;
  return (
    <div class="scroll">
      <table class="table">
        <thead><tr><th>{t("worker")}</th><th>{t("kinds")}</th><th class="num">{t("slots")}</th><th>{t("version")}</th><th>{t("started")}</th><th>{t("seen")}</th></tr></thead>
        <tbody>
          {workers.map((worker) => (
            <tr key={worker.id}><td><code>{worker.id}</code></td><td>{worker.kinds.join(", ")}</td><td class="num">{worker.slots}</td><td>{worker.medley}</td><td><Time ms={worker.started_ms} /></td><td><Time ms={worker.seen_ms} /></td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Letter({ letter, chosen, choose }: { letter: DeadLetter; chosen: boolean; choose: (on: boolean) => void }) {
  const { step, failure, attempts } = letter;
  return (
    <tr>
      <td class="pick"><input type="checkbox" checked={chosen} aria-label={t("jobs.choose", step.job)} onChange={(event) => choose(event.currentTarget.checked)} /></td>
      <td><a href={to("jobs", step.job)}><code>{step.job}</code></a><span class="sub">{step.job_kind} · {`${step.id.stage}/${step.id.group}/${step.id.n}`}</span></td>
      <td class="wide"><bdi>{failure.message}</bdi> <code>{failure.code}</code>
        <details><summary>{t("attempts", attempts.length)}</summary>
          <ul class="log" tabIndex={0} aria-label={t("attempts", attempts.length)}>{attempts.map((attempt) => <li><time>{new Date(attempt.at_ms).toLocaleTimeString()}</time><bdi>{[attempt.message, ...attempt.causes ?? []].join(" ← ")}</bdi></li>)}</ul>
        </details>
      </td>
      <td><Time ms={letter.at_ms} /></td>
    </tr>
  );
}

function Dead({ mayReplay }: { mayReplay: boolean }) {
  const [letters, setLetters] = useState<DeadLetter[]>();
  const [trouble, setTrouble] = useState<unknown>();
  const [code, setCode] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asked, ask] = useState(false);
  const { busy, error, run } = useAction();
  const read = () => get<Page<DeadLetter>>("/v1/dead?limit=1000").then((page) => setLetters(page.data), setTrouble);
  useEffect(() => void read(), []);
  const codes = [...new Set(letters?.map((letter) => letter.failure.code))];
  const shown = (letters ?? []).filter((letter) => code === "" || letter.failure.code === code);
  const jobs = [...new Set(shown.filter((letter) => chosen.size === 0 || chosen.has(letter.step.job)).map((letter) => letter.step.job))];
  const all = (act: (job: string) => Promise<unknown>) => run(async () => {
    ask(false);
    const failed: string[] = [];
    for (const job of jobs) await act(job).catch((problem: unknown) => failed.push(`${job}: ${sentence(problem)}`));
    setChosen(new Set());
    await read();
    if (failed.length > 0) throw new Error(failed.join(" · "));
  });
  const choose = (job: string, on: boolean) => {
    const now = new Set(chosen);
    if (on) now.add(job);
    else now.delete(job);
    setChosen(now);
  };
  return (
    <Panel title={t("dead")} extra={letters && letters.length > 0 && (
      <>
        <label class="field inline"><span class="label">{t("code")}</span>
          <select value={code} onChange={(event) => { setCode(event.currentTarget.value); setChosen(new Set()); }}>
            <option value="">{t("all")}</option>{codes.map((one) => <option value={one}>{one}</option>)}
          </select>
        </label>
        {mayReplay && <><Button disabled={busy} onClick={() => all((job) => send("POST", `/v1/dead/${job}/replay`))}>{t("replay.jobs", jobs.length)}</Button>
          <Button kind="danger" disabled={busy} onClick={() => ask(true)}>{t("forget")}</Button></>}
      </>
    )}>
      {trouble !== undefined && <Trouble error={trouble} again={read} />}
      {error !== undefined && <Trouble error={error} />}
      {!letters && trouble === undefined && <Loading />}
      {letters?.length === 0 && <Empty title={t("dead.none")} />}
      {shown.length > 0 && (
        <div class="scroll"><table class="table">
          <thead><tr><th class="pick"><span class="hidden">{t("choose")}</span></th><th>{t("job")}</th><th>{t("why")}</th><th>{t("when")}</th></tr></thead>
          <tbody>{shown.map((letter) => <Letter key={`${letter.step.job} ${letter.step.id.stage}${letter.step.id.group}.${letter.step.id.n}`} letter={letter} chosen={chosen.has(letter.step.job)} choose={(on) => choose(letter.step.job, on)} />)}</tbody>
        </table></div>
      )}
      {asked && <Confirm title={t("forget.of", jobs.length)} yes={t("forget")} danger onYes={() => all((job) => send("DELETE", `/v1/dead/${job}`))} onNo={() => ask(false)}><p>{t("forget.help")}</p></Confirm>}
    </Panel>
  );
}

export function Fleet({ session }: PageProps) {
  const { queues, workers, samples, error, reload } = useFleet();
  const isAdmin = session.scopes.includes("admin");
  const kinds = [...new Set(queues?.map((queue) => queue.kind))];
  const idle = queues?.filter((queue) => queue.waiting > 0 && queue.slots === 0).map((queue) => queue.kind) ?? [];
  return (
    <>
      <div class="page-head"><h1>{t("nav.fleet")}</h1></div>
      {error !== undefined && <Trouble error={error} again={reload} />}
      {!queues && error === undefined && <Loading />}
      {idle.length > 0 && <Notice tone="warn">{t("idle", [...new Set(idle)].join(", "))}</Notice>}
      {queues && <Panel title={t("queues")}><Queues queues={queues} mayPause={isAdmin} reload={reload} /><Chart samples={samples} kinds={kinds} /></Panel>}
      {workers && <Panel title={t("workers", workers.length)}><Workers workers={workers} /></Panel>}
      <Dead mayReplay={isAdmin} />
    </>
  );
}
