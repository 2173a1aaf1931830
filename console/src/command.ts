// The same job as a command line and as a request, for whoever wants to do it again without the page.
import type { Values } from "./form";

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`;
}

function flags(values: Values): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const flag = `--${name.replace(/_/g, "-")}`;
    if (value === null || value === undefined) return [];
    if (typeof value === "boolean") return [value ? flag : `${flag}=false`];
    if (Array.isArray(value)) return value.map((one) => `${flag} ${quoted(String(one))}`);
    return [`${flag} ${quoted(String(value))}`];
  });
}

export interface Given {
  kind: string;
  files: string[];
  addresses: string[];
  text: string;
  values: Values;
  labels: Record<string, string>;
  batch: boolean;
}

export function commandLine({ kind, files, addresses, text, values }: Given): string {
  const inputs = [...files, ...addresses].map(quoted);
  if (text) inputs.push("-");
  const line = [`medley run ${kind}`, ...(inputs.length ? inputs : ["FILE"]), ...flags(values), "-o out"].join(" ");
  return text ? `printf %s ${quoted(text)} | ${line}` : line;
}

export function curl({ kind, files, addresses, text, values, labels, batch }: Given, origin: string, token: boolean): string {
  const inputs: object[] = [...files.map((_, n) => ({ part: `file${n}` })), ...addresses.map((uri) => ({ uri }))];
  if (text) inputs.push({ text });
  const request = {
    kind, ...(inputs.length ? { inputs } : {}), ...(Object.keys(values).length ? { params: values } : {}),
    ...(Object.keys(labels).length ? { labels } : {}), ...(batch ? { class: "batch" } : {}),
  };
  const auth = token ? " -H \"Authorization: Bearer $MEDLEY_TOKEN\"" : "";
  const body = quoted(JSON.stringify(request));
  if (files.length === 0) return `curl${auth} -H 'Content-Type: application/json' ${origin}/v1/jobs -d ${body}`;
  const parts = files.map((name, n) => `-F file${n}=@${quoted(name)}`).join(" ");
  return `curl${auth} -F request=${body} ${parts} ${origin}/v1/jobs`;
}
