// Asks for jobs: a kind, what it reads, what it should make of that.
import { useEffect, useRef, useState } from "preact/hooks";
import type { PageProps } from "../props";
import { get, send } from "../api";
import { commandLine, curl, type Given } from "../command";
import { bytes } from "../format";
import { SchemaForm, type Values } from "../form";
import { t } from "../i18n";
import { go } from "../route";
import { forget, upload } from "../tus";
import type { Job, Kind, Page, Schema } from "../types";
import { Bar, Button, Code, Loading, Notice, Panel, Trouble, sentence, useAction, useLoaded } from "../ui";

interface Sent {
  key: number;
  file: File;
  bytes: number;
  state: "sending" | "broken" | "sent" | "refused";
  id?: string;
  error?: unknown;
  stop: AbortController;
}

const AT_A_TIME = 2;

/** Files that are being sent, two at a time. */
function useUploads() {
  const [files, set] = useState<Sent[]>([]);
  const waiting = useRef<Sent[]>([]);
  const active = useRef(0);
  const counter = useRef(0);
  const change = (key: number, part: Partial<Sent>) =>
    set((now) => now.map((one) => (one.key === key ? { ...one, ...part } : one)));
  const next = () => {
    const one = waiting.current.shift();
    if (!one) return;
    if (one.stop.signal.aborted) return next();
    active.current += 1;
    const progress = (sent: number) => change(one.key, { bytes: sent, state: "sending", error: undefined });
    upload(one.file, { signal: one.stop.signal, progress, broken: (error) => change(one.key, { state: "broken", error }) })
      .then((id) => change(one.key, { id, state: "sent", bytes: one.file.size }), (error) => change(one.key, { state: "refused", error }))
      .finally(() => {
        active.current -= 1;
        next();
      });
  };
  const add = (added: File[]) => {
    const made = added.map((file): Sent => ({ key: counter.current++, file, bytes: 0, state: "sending", stop: new AbortController() }));
    set((now) => [...now, ...made]);
    waiting.current.push(...made);
    while (active.current < AT_A_TIME && waiting.current.length > 0) next();
  };
  const remove = (one: Sent) => {
    one.stop.abort();
    set((now) => now.filter((other) => other.key !== one.key));
  };
  const move = (at: number, by: number) => set((now) => {
    const moved = [...now];
    const [one] = moved.splice(at, 1);
    if (one) moved.splice(at + by, 0, one);
    return moved;
  });
  return { files, add, remove, move, clear: () => set([]) };
}

async function entries(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return file.name.startsWith(".") ? [] : [file];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const page = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (page.length === 0) return found;
    for (const one of page) found.push(...await entries(one));
  }
}

async function dropped(data: DataTransfer): Promise<File[]> {
  const all = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = await Promise.all(all.map(entries));
  return files.flat();
}

function Drop({ add, multiple }: { add: (files: File[]) => void; multiple: boolean }) {
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  return (
    <div class={over ? "drop over" : "drop"} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); if (event.dataTransfer) void dropped(event.dataTransfer).then(add); }}>
      <p>{t("new.drop")}</p>
      <Button onClick={() => picker.current?.click()}>{t("new.choose")}</Button>
      <input ref={picker} type="file" class="hidden" aria-label={t("new.choose")} multiple={multiple} tabIndex={-1}
        onChange={(event) => { add([...event.currentTarget.files ?? []]); event.currentTarget.value = ""; }} />
    </div>
  );
}

function FileRow({ one, role, at, last, move, remove }: { one: Sent; role?: string; at: number; last: number; move?: (by: number) => void; remove: () => void }) {
  const share = one.file.size > 0 ? one.bytes / one.file.size : 1;
  const told = { sending: t("upload.of", bytes(one.bytes), bytes(one.file.size)), sent: t("upload.sent", bytes(one.file.size)), broken: t("upload.broken"), refused: sentence(one.error) }[one.state];
  return (
    <li class="file">
      <span><bdi>{one.file.name}</bdi>{role && <span class="sub" lang="en">{role}</span>}</span>
      <span class={`help ${one.state === "refused" || one.state === "broken" ? "bad" : ""}`} role="status" data-upload={one.state}>{told}</span>
      <span class="row">
        {move && <Button kind="quiet" disabled={at === 0} aria-label={t("up", one.file.name)} onClick={() => move(-1)}>↑</Button>}
        {move && <Button kind="quiet" disabled={at === last} aria-label={t("down", one.file.name)} onClick={() => move(1)}>↓</Button>}
        <Button kind="quiet" aria-label={t("remove.of", one.file.name)} onClick={remove}>✕</Button>
      </span>
      {one.state !== "sent" && <Bar share={share} label={t("upload.progress", one.file.name)} />}
    </li>
  );
}

const PRESETS = "medley.presets";
type Presets = Record<string, Record<string, Values>>;

function Saved({ kind, values, use }: { kind: string; values: Values; use: (values: Values) => void }) {
  const [all, set] = useState<Presets>(() => JSON.parse(localStorage.getItem(PRESETS) ?? "{}") as Presets);
  const [name, setName] = useState("");
  const mine = all[kind] ?? {};
  const keep = (now: Record<string, Values>) => {
    const changed = { ...all, [kind]: now };
    localStorage.setItem(PRESETS, JSON.stringify(changed));
    set(changed);
  };
  const remove = (one: string) => keep(Object.fromEntries(Object.entries(mine).filter(([other]) => other !== one)));
  return (
    <div class="row">
      {Object.entries(mine).map(([one, preset]) => (
        <span class="row">
          <Button onClick={() => use(preset)}>{one}</Button>
          <Button kind="quiet" aria-label={t("remove.of", one)} onClick={() => remove(one)}>✕</Button>
        </span>
      ))}
      <label class="field inline"><span class="label">{t("preset.name")}</span><input value={name} size={14} onInput={(event) => setName(event.currentTarget.value)} /></label>
      <Button disabled={name.trim() === ""} onClick={() => { keep({ ...mine, [name.trim()]: values }); setName(""); }}>{t("preset.save")}</Button>
    </div>
  );
}

function labelsOf(text: string): Record<string, string> {
  const pairs = text.split(/[\n,]/).map((pair) => pair.trim()).filter(Boolean).map((pair) => pair.split("="));
  return Object.fromEntries(pairs.map(([name = "", ...value]) => [name.trim(), value.join("=").trim()]));
}

type WireInput = { upload: string } | { uri: string } | { text: string } | { earlier: string };

/** A kind that reads one thing gets a job for each; one that reads several gets them all, in their order. */
function jobsOf(kind: Kind, inputs: WireInput[]): WireInput[][] {
  return kind.inputs.max === 1 ? inputs.map((input) => [input]) : [inputs];
}

function Kinds({ kinds, chosen, choose }: { kinds: Kind[]; chosen?: string; choose: (name: string) => void }) {
  return (
    <fieldset>
      <legend class="hidden">{t("kind")}</legend>
      <div class="cards">
        {kinds.map((kind) => (
          <label class="kind">
            <input type="radio" name="kind" value={kind.name} checked={kind.name === chosen} onChange={() => choose(kind.name)} />
            <strong>{kind.name}</strong>
            <span class="help" lang="en">{kind.about}</span>
            {kind.notice && <span class="badge is-warn">{t("kind.unserved")}</span>}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Consent({ text, set }: { text: string; set: (text: string) => void }) {
  return (
    <Panel title={t("consent")}>
      <p>{t("consent.why")}</p>
      <label class="field"><span class="label">{t("consent.who")}</span>
        <input name="consent" required value={text} placeholder={t("consent.example")} onInput={(event) => set(event.currentTarget.value)} />
      </label>
    </Panel>
  );
}

function Ask({ kind, session, again }: { kind: Kind; session: PageProps["session"]; again?: Job }) {
  const schema = useLoaded((signal) => get<Schema>(`/v1/kinds/${kind.name}/schema`, signal), [kind.name]);
  const voices = useLoaded((signal) => get<Page<{ id: string }>>("/v1/audio/voices", signal), []);
  const uploads = useUploads();
  const [addresses, setAddresses] = useState("");
  const [text, setText] = useState(() => {
    const source = again?.inputs[0]?.source;
    return source && "text" in source ? source.text : "";
  });
  const [values, setValues] = useState<Values>({});
  const [form, setForm] = useState(0);
  const [labels, setLabels] = useState("");
  const [batch, setBatch] = useState(false);
  const [consent, setConsent] = useState("");
  const { busy, error, run } = useAction();
  const properties = schema.value?.properties ?? {};
  useEffect(() => {
    if (!again || !schema.value) return;
    const changed = Object.entries(again.params).filter(([name, value]) =>
      name in properties && JSON.stringify(value) !== JSON.stringify(properties[name]?.default ?? null));
    setValues(Object.fromEntries(changed));
    setForm((n) => n + 1);
  }, [again, schema.value]);

  const needsConsent = "consent" in properties;
  const params = needsConsent ? { ...values, consent } : values;
  const uris = addresses.split("\n").map((line) => line.trim()).filter(Boolean);
  // What the earlier job read is read again, unless other files are given.
  const earlier = (again && uploads.files.length === 0 ? again.inputs : []).flatMap((input, n) => ("stored" in input.source ? [{ n, name: input.name }] : []));
  const given: Given = {
    kind: kind.name, files: [...earlier.map(({ name }) => name), ...uploads.files.map((one) => one.file.name)], addresses: uris, text: kind.inputs.text ? text.trim() : "",
    values: params, labels: labelsOf(labels), batch,
  };
  const inputs: WireInput[] = [
    ...(given.text ? [{ text: given.text }] : []),
    ...earlier.map(({ n }) => ({ earlier: `${again?.id}/${n}` })),
    ...uploads.files.flatMap((one) => (one.id ? [{ upload: one.id }] : [])),
    ...uris.map((uri) => ({ uri })),
  ];
  const jobs = inputs.length > 0 ? jobsOf(kind, inputs) : [];
  const sending = uploads.files.some((one) => one.state === "sending" || one.state === "broken");
  const enough = jobs.length > 0 && jobs.every((one) => one.length >= kind.inputs.min);
  const submit = () => run(async () => {
    let last: Job | undefined;
    for (const one of jobs) {
      last = await send<Job>("POST", "/v1/jobs", { kind: kind.name, inputs: one, params, labels: given.labels, class: batch ? "batch" : "interactive" });
    }
    for (const one of uploads.files) forget(one.file);
    if (jobs.length === 1 && last) go("jobs", last.id);
    else go("jobs");
  });
  const ordered = kind.inputs.max > 1;
  return (
    <>
      {kind.notice && <Notice tone="warn"><span lang="en">{kind.notice}</span></Notice>}
      <Panel title={t("new.inputs")}>
        {kind.inputs.text && (
          <label class="field"><span class="label">{t("new.text")}</span>
            <textarea name="text" rows={5} value={text} maxLength={65_536} onInput={(event) => setText(event.currentTarget.value)} />
          </label>
        )}
        <Drop add={uploads.add} multiple />
        {kind.inputs.folder && <p class="help">{t("new.folder")}</p>}
        {ordered && <p class="help" lang="en">{kind.inputs.roles.map((role, n) => `${n + 1}. ${role}`).join(" · ")}</p>}
        {earlier.length > 0 && <p>{t("new.earlier")} <bdi>{earlier.map(({ name }) => name).join(", ")}</bdi></p>}
        {uploads.files.length > 0 && (
          <ul class="files">
            {uploads.files.map((one, at) => (
              <FileRow key={one.key} one={one} at={at} last={uploads.files.length - 1} role={ordered ? kind.inputs.roles[at + (given.text ? 1 : 0)] : undefined}
                move={ordered ? (by) => uploads.move(at, by) : undefined} remove={() => uploads.remove(one)} />
            ))}
          </ul>
        )}
        <label class="field"><span class="label">{t("new.addresses")}</span>
          <textarea name="addresses" rows={2} value={addresses} placeholder="https://…" onInput={(event) => setAddresses(event.currentTarget.value)} />
        </label>
      </Panel>
      {needsConsent && <Consent text={consent} set={setConsent} />}
      <Panel title={t("new.settings")}>
        {schema.error !== undefined && <Trouble error={schema.error} again={schema.reload} />}
        {!schema.value && schema.error === undefined && <Loading />}
        {schema.value && (
          <SchemaForm key={form} kind={kind.name} schema={schema.value} values={values} change={setValues} leaveOut={["consent"]}
            suggestions={{ voice: voices.value?.data.map((voice) => voice.id) ?? [] }} />
        )}
        <Saved kind={kind.name} values={values} use={(preset) => { setValues(preset); setForm((n) => n + 1); }} />
        <div class="form-grid">
          <label class="field"><span class="label">{t("labels")}</span>
            <input name="labels" value={labels} placeholder="show=monday, desk=news" onInput={(event) => setLabels(event.currentTarget.value)} />
          </label>
          <label class="check"><input type="checkbox" name="batch" checked={batch} onChange={(event) => setBatch(event.currentTarget.checked)} /><span>{t("new.batch")}</span></label>
        </div>
      </Panel>
      <Panel title={t("new.same")}>
        <Code text={commandLine(given)} label={t("new.command")} />
        <Code text={curl(given, window.location.origin, session.token !== undefined)} label="curl" />
      </Panel>
      {error !== undefined && <Trouble error={error} />}
      <div class="row">
        <Button kind="primary" disabled={busy || sending || !enough || (needsConsent && consent.trim() === "")} onClick={submit}>
          {jobs.length > 1 ? t("new.start.many", jobs.length) : t("new.start")}
        </Button>
        {sending && <span class="help" role="status">{t("new.sending")}</span>}
        {!sending && !enough && <span class="help">{kind.inputs.min > 1 ? t("new.needs", kind.inputs.min) : t("new.needs.one")}</span>}
      </div>
    </>
  );
}

export function New({ place, session }: PageProps) {
  const kinds = useLoaded((signal) => get<Page<Kind>>("/v1/kinds", signal), []);
  const again = place.query.get("again") ?? "";
  const before = useLoaded(async (signal) => (again ? get<Job>(`/v1/jobs/${encodeURIComponent(again)}`, signal) : undefined), [again]);
  const [chosen, choose] = useState(place.path[1]);
  useEffect(() => choose(place.path[1]), [place.path[1]]);
  useEffect(() => { if (before.value) choose(before.value.kind); }, [before.value]);
  const kind = kinds.value?.data.find((one) => one.name === chosen);
  if (!session.scopes.includes("submit")) return <Notice tone="warn">{t("scope.submit")}</Notice>;
  return (
    <>
      <div class="page-head"><h1>{t("nav.new")}</h1></div>
      {kinds.error !== undefined && <Trouble error={kinds.error} again={kinds.reload} />}
      {!kinds.value && kinds.error === undefined && <Loading />}
      {kinds.value && <Kinds kinds={kinds.value.data} chosen={chosen} choose={choose} />}
      {again && before.value && <Notice>{t("new.again")}</Notice>}
      {kind ? <Ask key={kind.name} kind={kind} session={session} again={before.value?.kind === kind.name ? before.value : undefined} />
        : kinds.value && <p class="help">{t("new.choose.kind")}</p>}
    </>
  );
}
