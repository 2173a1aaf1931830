// Numbers, times and sizes as people of the language write them.
import { currentLanguage, t } from "./i18n";

const locale = () => (currentLanguage() === "zh" ? "zh-CN" : "en-GB");

export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

export function percent(share: number): string {
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(share);
}

/** 3.2 s, 2 min 5 s, 1 h 4 min. */
export function span(seconds: number): string {
  if (seconds < 1) return `${number(seconds, 2)} s`;
  if (seconds < 10) return `${number(seconds, 1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} d`;
}

/** A place in a recording: 1:02:03.4. */
export function clock(seconds: number, tenths = false): string {
  const whole = Math.max(0, tenths ? Math.floor(seconds * 10) / 10 : Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const second = tenths ? rest.toFixed(1).padStart(4, "0") : String(rest).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${second}` : `${minutes}:${second}`;
}

export function moment(ms: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium" }).format(ms);
}

export function ago(ms: number, now = Date.now()): string {
  const seconds = Math.round((now - ms) / 1000);
  if (seconds < 5) return t("now");
  const steps: [number, Intl.RelativeTimeFormatUnit][] = [[60, "second"], [3600, "minute"], [86400, "hour"], [Infinity, "day"]];
  const sizes: Record<string, number> = { second: 1, minute: 60, hour: 3600, day: 86400 };
  const [, unit] = steps.find(([limit]) => seconds < limit) ?? steps[3]!;
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "always", style: "short" });
  return format.format(-Math.round(seconds / (sizes[unit] ?? 1)), unit);
}

/** What a job was made of, in a few words. */
export function titleOf(inputs: { name: string; source: object }[]): string {
  const [one] = inputs;
  if (!one) return "";
  const text = "text" in one.source ? String(one.source.text).trim().replace(/\s+/g, " ").slice(0, 80) : one.name;
  return inputs.length > 1 ? `${text} +${inputs.length - 1}` : text;
}
