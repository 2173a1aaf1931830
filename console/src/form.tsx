// A form that is made of a kind's JSON Schema: what is not touched keeps the kind's default and is not sent.
import { useId, useState } from "preact/hooks";
import { t } from "./i18n";
import type { Schema } from "./types";

export type Values = Record<string, unknown>;

interface Choice {
  value: string;
  about?: string;
}

/** What a reference leads to, with what stands beside it. */
function resolved(schema: Schema, root: Schema): Schema {
  if (!schema.$ref) return schema;
  const found = root.$defs?.[schema.$ref.replace("#/$defs/", "")] ?? {};
  return { ...found, ...schema, $ref: undefined, description: schema.description ?? found.description };
}

/** The values of an enumeration, each with its help. */
function choices(schema: Schema, root: Schema): Choice[] | null {
  const all = resolved(schema, root);
  const parts = (all.oneOf ?? all.anyOf ?? [all]).map((part) => resolved(part, root)).filter((part) => part.type !== "null");
  const found = parts.flatMap((part): Choice[] => {
    if (typeof part.const === "string") return [{ value: part.const, about: part.description }];
    const listed = (part.enum ?? []).filter((one) => typeof one === "string") as string[];
    return listed.map((value) => ({ value }));
  });
  return found.length > 0 && parts.every((part) => part.const !== undefined || part.enum) ? found : null;
}

function typeOf(schema: Schema): string {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? "string"];
  return types.find((type) => type !== "null") ?? "string";
}

/** What is asked first, kind by kind; the rest follows on demand. */
const FIRST: Record<string, string[]> = {
  transcribe: ["language", "model", "speakers", "task"],
  podcast: ["title", "language", "model", "speakers"],
  speak: ["voice", "language", "rate", "audio"],
  receipt: ["currency", "date_order"],
  control: ["annotators", "image_resolution"],
  caption: ["model", "own_labels", "text", "people"],
  library: ["model", "drop_duplicates", "text", "write"],
  portrait: ["framing", "label"],
  news: ["voice", "aspect", "background", "subtitles"],
};

/** `pose: …` and `depth, normal: …` say for which maps a field matters. */
function concerns(schema: Schema, chosen: unknown): boolean {
  const about = schema.description?.match(/^([a-z_, ]+): /)?.[1];
  if (!about || !Array.isArray(chosen)) return true;
  return about.split(", ").some((name) => chosen.some((one) => one === name || name.startsWith(`${String(one)} `)));
}

function Help({ id, text }: { id: string; text?: string }) {
  return text ? <span class="help" id={id} lang="en">{text.replace(/\n/g, " ")}</span> : null;
}

interface FieldProps {
  name: string;
  schema: Schema;
  root: Schema;
  value: unknown;
  set: (value: unknown) => void;
  suggestions?: string[];
}

function label(name: string): string {
  const words = name.replace(/_/g, " ").replace(/ (px|hz|s|db)$/, " ($1)");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function Enumeration({ name, schema, value, set, all }: FieldProps & { all: Choice[] }) {
  const id = useId();
  const about = all.find((choice) => choice.value === value)?.about;
  return (
    <label class="field">
      <span class="label">{label(name)}</span>
      <select name={name} value={String(value ?? "")} aria-describedby={id} onChange={(event) => set(event.currentTarget.value || null)}>
        {(schema.default === undefined || schema.default === null) && <option value="">–</option>}
        {all.map((choice) => <option value={choice.value}>{choice.value}</option>)}
      </select>
      <Help id={id} text={[schema.description, about].filter(Boolean).join(" ")} />
    </label>
  );
}

function Several({ name, schema, value, set, all }: FieldProps & { all: Choice[] }) {
  const chosen = Array.isArray(value) ? value as string[] : [];
  const toggle = (one: string, on: boolean) => set(all.map((choice) => choice.value).filter((other) => (other === one ? on : chosen.includes(other))));
  return (
    <fieldset class="field" aria-describedby={`${name}-help`}>
      <legend>{label(name)}</legend>
      <Help id={`${name}-help`} text={schema.description} />
      <div class="choices">
        {all.map(({ value: one, about }) => (
          <label class="check" title={about}>
            <input type="checkbox" name={name} value={one} checked={chosen.includes(one)} onChange={(event) => toggle(one, event.currentTarget.checked)} />
            {one}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Numeric({ name, schema, value, set }: FieldProps) {
  const id = useId();
  const whole = typeOf(schema) === "integer";
  const span = typeof schema.minimum === "number" && typeof schema.maximum === "number" && schema.maximum < 65_535
    ? t("form.from.to", schema.minimum, schema.maximum) : "";
  return (
    <label class="field">
      <span class="label">{label(name)}</span>
      <input type="number" name={name} step={whole ? 1 : "any"} min={schema.minimum} max={schema.maximum} aria-describedby={id}
        value={typeof value === "number" ? Number(value.toPrecision(6)) : ""}
        onInput={(event) => set(event.currentTarget.value === "" ? undefined : Number(event.currentTarget.value))} />
      <Help id={id} text={[schema.description, span].filter(Boolean).join(" ")} />
    </label>
  );
}

function Lines({ name, schema, value, set }: FieldProps) {
  const id = useId();
  const [text, setText] = useState(Array.isArray(value) ? value.join("\n") : "");
  const change = (now: string) => {
    setText(now);
    set(now.split("\n").map((line) => line.trim()).filter(Boolean));
  };
  return (
    <label class="field">
      <span class="label">{label(name)}</span>
      <textarea name={name} rows={3} value={text} aria-describedby={id} onInput={(event) => change(event.currentTarget.value)} />
      <Help id={id} text={`${schema.description ?? ""} ${t("form.lines")}`} />
    </label>
  );
}

function Text({ name, schema, value, set, suggestions }: FieldProps) {
  const id = useId();
  const nullable = Array.isArray(schema.type);
  return (
    <label class="field">
      <span class="label">{label(name)}</span>
      <input name={name} value={typeof value === "string" ? value : ""} aria-describedby={id} list={suggestions ? `${id}-list` : undefined}
        onInput={(event) => set(event.currentTarget.value === "" && nullable ? null : event.currentTarget.value)} />
      {suggestions && <datalist id={`${id}-list`}>{suggestions.map((one) => <option value={one} />)}</datalist>}
      <Help id={id} text={schema.description} />
    </label>
  );
}

function Field(props: FieldProps) {
  const { name, value, set, root } = props;
  const schema = resolved(props.schema, root);
  const known = { ...props, schema };
  const all = choices(schema, root);
  if (all) return <Enumeration {...known} all={all} />;
  const type = typeOf(schema);
  if (type === "boolean") {
    return (
      <div class="field">
        <label class="check"><input type="checkbox" name={name} checked={value === true} aria-describedby={`${name}-help`} onChange={(event) => set(event.currentTarget.checked)} /><span class="label">{label(name)}</span></label>
        <Help id={`${name}-help`} text={schema.description} />
      </div>
    );
  }
  if (type === "array") {
    const of = choices(schema.items ?? {}, root);
    return of ? <Several {...known} all={of} /> : <Lines {...known} />;
  }
  if (type === "integer" || type === "number") return <Numeric {...known} />;
  return <Text {...known} />;
}

export function SchemaForm({ kind, schema, values, change, leaveOut, suggestions }: {
  kind: string; schema: Schema; values: Values; change: (values: Values) => void; leaveOut: string[]; suggestions: Record<string, string[]>;
}) {
  const all = Object.keys(schema.properties ?? {}).filter((name) => !leaveOut.includes(name));
  const first = (FIRST[kind] ?? []).filter((name) => all.includes(name));
  const valueOf = (name: string) => (name in values ? values[name] : schema.properties?.[name]?.default);
  const set = (name: string) => (value: unknown) => {
    const now = { ...values };
    // What is the default again is not sent.
    if (value === undefined || JSON.stringify(value) === JSON.stringify(schema.properties?.[name]?.default ?? null)) delete now[name];
    else now[name] = value;
    change(now);
  };
  const field = (name: string) => {
    const part = schema.properties?.[name] ?? {};
    if (!concerns(part, valueOf("annotators"))) return null;
    return <Field key={`${kind}.${name}`} name={name} schema={part} root={schema} value={valueOf(name)} set={set(name)} suggestions={suggestions[name]} />;
  };
  const rest = all.filter((name) => !first.includes(name));
  return (
    <div class="stack">
      {first.length > 0 && <div class="form-grid">{first.map(field)}</div>}
      {rest.length > 0 && (
        <details>
          <summary>{t("form.more", rest.length)}</summary>
          <div class="form-grid">{rest.map(field)}</div>
        </details>
      )}
    </div>
  );
}
