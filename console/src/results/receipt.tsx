// A receipt beside its picture: boxes and fields light each other up, and what was read wrongly is corrected.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ResultProps } from "../props";
import { get } from "../api";
import { percent } from "../format";
import { maybe, t } from "../i18n";
import type { Job } from "../types";
import { Button, Loading, Notice, Panel, Trouble, saveFile, useLoaded } from "../ui";
import { useHistory, useRevisions } from "./revise";
import { Saved } from "./saved";

interface Leaf {
  value: string | number | null;
  raw?: string;
  confidence?: number;
  page?: number;
  polygon?: [number, number][];
  corrected?: boolean;
}

type Json = { [name: string]: Json } | Json[] | string | number | boolean | null;

interface Receipt {
  items?: Record<string, Leaf | null>[];
  pages?: { width_px: number; height_px: number }[];
  quality?: { adds_up?: boolean | null; review?: string[]; warnings?: string[] };
  [name: string]: unknown;
}

const COLUMNS = ["description", "quantity", "unit_price", "amount"] as const;
const ASIDE = new Set(["items", "lines", "pages", "quality"]);
const UNSURE = 0.8;

const isLeaf = (value: unknown): value is Leaf => typeof value === "object" && value !== null && "value" in value && "polygon" in value;

/** What a receipt usually has: shown also where nothing was read, so that it can be written in. */
const USUAL = new Set(["merchant.name", "merchant.address", "date", "currency", "subtotal", "total"]);

/** Everything with a value and a place, by its path; not the articles, which are a table. */
function leaves(document: Receipt): { path: string; leaf: Leaf }[] {
  const found: { path: string; leaf: Leaf }[] = [];
  const walk = (value: unknown, path: string) => {
    if (isLeaf(value)) found.push({ path, leaf: value });
    else if (value === null && USUAL.has(path)) found.push({ path, leaf: { value: null } });
    else if (Array.isArray(value)) value.forEach((one, n) => walk(one, `${path}.${n}`));
    else if (typeof value === "object" && value !== null) for (const [name, one] of Object.entries(value)) walk(one, path ? `${path}.${name}` : name);
  };
  for (const [name, value] of Object.entries(document)) if (!ASIDE.has(name)) walk(value, name);
  return found;
}

/** The same document with another value at a path. */
function corrected(document: Receipt, path: string, text: string): Receipt {
  const change = (value: Json, [name, ...rest]: string[]): Json => {
    if (name === undefined) {
      const leaf = (value ?? { value: null, raw: "", polygon: [] }) as unknown as Leaf;
      const now = typeof leaf.value === "number" ? Number(text) : text;
      return { ...leaf, value: now, corrected: true } as unknown as Json;
    }
    if (Array.isArray(value)) return value.with(Number(name), change(value[Number(name)] ?? null, rest));
    const map = (value ?? {}) as { [name: string]: Json };
    return { ...map, [name]: change(map[name] ?? null, rest) };
  };
  return change(document as Json, path.split(".")) as unknown as Receipt;
}

function without(document: Receipt, item: number): Receipt {
  return { ...document, items: (document.items ?? []).toSpliced(item, 1) };
}

function withItem(document: Receipt): Receipt {
  return { ...document, items: [...document.items ?? [], { description: null, quantity: null, unit_price: null, amount: null }] };
}

const cents = (leaf: Leaf | null | undefined) => {
  const value = Number(leaf?.value);
  return leaf && Number.isFinite(value) ? Math.round(value * 100) : null;
};

/** What the articles come to, when all have an amount. */
function sum(document: Receipt): number | null {
  const amounts = (document.items ?? []).map((item) => cents(item.amount));
  return amounts.length > 0 && amounts.every((amount) => amount !== null) ? amounts.reduce((all, one) => all + one, 0) / 100 : null;
}

function asCsv(document: Receipt): string {
  const cell = (value: unknown) => {
    const text = String(value ?? "");
    // Tables run what begins like a formula.
    const tame = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
    return `"${tame.replace(/"/g, '""')}"`;
  };
  const rows = (document.items ?? []).map((item) => COLUMNS.map((name) => cell(item[name]?.value)).join(","));
  const fields = leaves(document).map(({ path, leaf }) => `${cell(path)},${cell(leaf.value)}`);
  return [COLUMNS.join(","), ...rows, "", "field,value", ...fields].join("\r\n") + "\r\n";
}

function nameOf(path: string): string {
  const parts = path.split(".").filter((part) => part !== "amount");
  return maybe(`receipt.${path}`, parts.map((part) => (/^\d+$/.test(part) ? String(Number(part) + 1) : part.replace(/_/g, " "))).join(" "));
}

interface Lighting {
  lit: string | null;
  light: (path: string | null) => void;
}

function Sheet({ job, document, page, lit, light, pick }: { job: Job; document: Receipt; page: number; pick: (path: string) => void } & Lighting) {
  const [failed, setFailed] = useState(false);
  const overlay = job.artifacts.find((artifact) => artifact.name === "overlay.png");
  const stored = job.inputs[0] && "stored" in job.inputs[0].source && !/\.(pdf|tiff?)$/i.test(job.inputs[0].name);
  const url = stored && !failed ? `/v1/jobs/${job.id}/inputs/0` : overlay?.url;
  const size = document.pages?.[page];
  const [own, setOwn] = useState<[number, number]>();
  const [width, height] = size ? [size.width_px, size.height_px] : own ?? [1, 1];
  const items = (document.items ?? []).flatMap((item, n) => COLUMNS.flatMap((name) => (item[name] ? [{ path: `items.${n}.${name}`, leaf: item[name] }] : [])));
  const boxes = [...leaves(document), ...items].filter(({ leaf }) => (leaf.page ?? 0) === page && leaf.polygon?.length);
  if (!url) return <Notice>{t("receipt.no.picture")}</Notice>;
  return (
    <div class="sheet" tabIndex={0} role="region" aria-label={t("receipt.picture")}><div class="sheet-inner">
      <img src={url} alt={t("receipt.picture")} onError={() => setFailed(true)} onLoad={(event) => setOwn([event.currentTarget.naturalWidth, event.currentTarget.naturalHeight])} />
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        {boxes.map(({ path, leaf }) => (
          <polygon key={path} points={leaf.polygon?.map((point) => point.join(",")).join(" ")} data-path={path}
            class={[lit === path && "lit", (leaf.confidence ?? 1) < UNSURE && "unsure"].filter(Boolean).join(" ")}
            onMouseEnter={() => light(path)} onMouseLeave={() => light(null)} onClick={() => pick(path)} />
        ))}
      </svg>
    </div></div>
  );
}

function Field({ path, leaf, mayEdit, lit, light, change }: { path: string; leaf: Leaf; mayEdit: boolean; change: (path: string, text: string) => void } & Lighting) {
  return (
    <label class={lit === path ? "receipt-field lit" : "receipt-field"} onMouseEnter={() => light(path)} onMouseLeave={() => light(null)}>
      <span>{nameOf(path)}</span>
      <input value={String(leaf.value ?? "")} readOnly={!mayEdit} dir="auto" data-path={path} title={leaf.raw}
        onFocus={() => light(path)} onBlur={() => light(null)} onChange={(event) => change(path, event.currentTarget.value)} />
      <span class={`sub ${(leaf.confidence ?? 1) < UNSURE && !leaf.corrected ? "bad" : ""}`}>
        {leaf.corrected ? t("receipt.corrected") : leaf.confidence !== undefined ? percent(leaf.confidence) : ""}
      </span>
    </label>
  );
}

function Items({ document, mayEdit, lit, light, change, remove }: { document: Receipt; mayEdit: boolean; change: (path: string, text: string) => void; remove: (item: number) => void } & Lighting) {
  return (
    <div class="scroll">
      <table class="table items">
        <thead><tr>{COLUMNS.map((name) => <th class={name === "description" ? "" : "num"}>{t(`receipt.items.${name}`)}</th>)}{mayEdit && <th><span class="hidden">{t("delete")}</span></th>}</tr></thead>
        <tbody>
          {(document.items ?? []).map((item, n) => (
            <tr key={n} class={lit?.startsWith(`items.${n}.`) ? "lit" : ""}>
              {COLUMNS.map((name) => {
                const path = `items.${n}.${name}`;
                return (
                  <td><input value={String(item[name]?.value ?? "")} readOnly={!mayEdit} aria-label={`${t(`receipt.items.${name}`)} ${n + 1}`} dir="auto" data-path={path}
                    onFocus={() => light(path)} onBlur={() => light(null)} onMouseEnter={() => light(path)} onMouseLeave={() => light(null)}
                    onChange={(event) => change(path, event.currentTarget.value)} /></td>
                );
              })}
              {mayEdit && <td><Button kind="quiet" aria-label={t("remove.of", String(n + 1))} onClick={() => remove(n)}>✕</Button></td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The fields that a person should look at, as long as nobody did. */
function Review({ document, pick }: { document: Receipt; pick: (path: string) => void }) {
  const open = leaves(document).filter(({ path, leaf }) => document.quality?.review?.includes(path) && !leaf.corrected);
  if (open.length === 0) return null;
  return <Notice tone="warn"><span>{t("receipt.review")}</span><span class="row">{open.map(({ path }) => <Button onClick={() => pick(path)}>{nameOf(path)}</Button>)}</span></Notice>;
}

function Sums({ document }: { document: Receipt }) {
  const articles = sum(document);
  const told = document.quality?.adds_up;
  const against = (["subtotal", "total"] as const).map((name) => ({ name, cents: cents(document[name] as Leaf | null) })).find(({ cents: amount }) => amount !== null);
  return (
    <div class="stack">
      {told === true && <Notice tone="good">{t("receipt.adds.up")}</Notice>}
      {told === false && <Notice tone="warn">{t("receipt.not.adds.up")}</Notice>}
      {articles !== null && against && (
        <p class="sub">{t("receipt.sum", articles.toFixed(2), nameOf(against.name), ((against.cents ?? 0) / 100).toFixed(2))}</p>
      )}
    </div>
  );
}

function Editor({ job, first, mayEdit, reload }: { job: Job; first: Receipt; mayEdit: boolean; reload: () => void }) {
  const { value: document, change, undo, redo, canUndo, canRedo } = useHistory(first);
  const saving = useRevisions(job.id, job.revision, "corrected in the console", () => [{ name: "receipt.json", type: "application/json", text: JSON.stringify(document, null, 2) }]);
  const [lit, light] = useState<string | null>(null);
  const [page, setPage] = useState(0);
  const seen = useRef(document);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (seen.current !== document) saving.touch();
    seen.current = document;
  }, [document]);
  const correct = (path: string, text: string) => change((now) => corrected(now, path, text));
  const pick = (path: string) => list.current?.querySelector<HTMLInputElement>(`input[data-path="${CSS.escape(path)}"]`)?.focus();
  const pages = document.pages?.length ?? 1;
  return (
    <>
      <div class="row spread">
        <div class="row">
          {mayEdit && <><Button disabled={!canUndo} onClick={undo}>{t("undo")}</Button><Button disabled={!canRedo} onClick={redo}>{t("redo")}</Button></>}
          <Button onClick={() => saveFile("receipt.json", JSON.stringify(document, null, 2), "application/json")}>JSON</Button>
          <Button onClick={() => saveFile("receipt.csv", asCsv(document), "text/csv")}>CSV</Button>
        </div>
        {mayEdit && <Saved saving={saving} reload={reload} />}
      </div>
      <div class="receipt">
        <div class="stack">
          {pages > 1 && <div class="row">{Array.from({ length: pages }, (_, n) => <Button aria-pressed={page === n} onClick={() => setPage(n)}>{t("page", n + 1)}</Button>)}</div>}
          <Sheet job={job} document={document} page={page} lit={lit} light={light} pick={pick} />
        </div>
        <div class="stack" ref={list}>
          <Review document={document} pick={pick} />
          <Sums document={document} />
          <div class="fields">
            {leaves(document).map(({ path, leaf }) => <Field key={path} path={path} leaf={leaf} mayEdit={mayEdit} lit={lit} light={light} change={correct} />)}
          </div>
          <h3>{t("receipt.items", document.items?.length ?? 0)}</h3>
          <Items document={document} mayEdit={mayEdit} lit={lit} light={light} change={correct} remove={(item) => change((now) => without(now, item))} />
          {mayEdit && <div><Button onClick={() => change(withItem)}>{t("receipt.items.add")}</Button></div>}
        </div>
      </div>
    </>
  );
}

export function Receipt({ job, mayEdit }: ResultProps) {
  const url = job.artifacts.find((artifact) => artifact.name === "receipt.json")?.url ?? "";
  // An editor belongs to one reading: what is read anew gets an editor of its own.
  const readings = useRef(0);
  const read = useLoaded(async (signal) => {
    const now = await get<Job>(`/v1/jobs/${job.id}`, signal);
    return { now, document: await get<Receipt>(`${url}?revision=${now.revision}`, signal), reading: ++readings.current };
  }, [job.id, url]);
  return (
    <Panel title={t("receipt")}>
      {read.error !== undefined && <Trouble error={read.error} again={read.reload} />}
      {!read.value && read.error === undefined && <Loading />}
      {read.value && <Editor key={read.value.reading} job={read.value.now} first={read.value.document} mayEdit={mayEdit} reload={read.reload} />}
    </Panel>
  );
}
